"""Times the index stage and its queries beside exact search and a plain ``IVF4096,Flat``.

    python -m tests.bench.bench_image_index --vectors 100000

Vectors are clustered and synthetic: centres, each with directions of its own in which its members spread, as
embeddings of pictures have them. Printed: seconds of the build by step, its private memory at most, the size,
recall@10 for held-out and mixed queries (`pipelines.image_index.vector_index.recall`), and queries a second of
one thread's processor time one by one and in batches of 64; the index is asked as it is served, mapped.

The plain index needs four bytes a number in memory: leave it out with ``--no-plain`` where that is too much.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.image_manifest import EncoderDescription, ImageManifest, ImageSource, write_image_manifest
from kc_schema.image_tables import IMAGE_ID_BITS, embeddings_schema
from kc_schema.store import Part, write_atomically
from pipelines.engine import Engine
from pipelines.image_index.layout import Layout
from pipelines.image_index.plan import IMAGES_PER_PART
from pipelines.image_index.search import open_index
from pipelines.image_index.vector_index.build import IndexOptions, build_index, index_is_current
from pipelines.image_index.vector_index.probing import Probe, Probing
from pipelines.image_index.vector_index.recall import Queries, make_queries, measure_speed, recall_of
from pipelines.image_index.vector_index.served import read_description
from pipelines.image_index.vectors import Embeddings, Ids

ENCODER = EncoderDescription("synthetic", "", "", 0)
SOURCE = ImageSource("", "", 500, ())
DIRECTIONS = 16
PROBES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@functools.lru_cache(maxsize=1)
def clusters_of(clusters: int, dimension: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return centres of length 1, and 64 sets of directions in which the members of clusters spread."""
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(clusters, dimension)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    directions = rng.normal(size=(64, DIRECTIONS, dimension)).astype(np.float32) / np.sqrt(dimension)
    return centres, directions


def vectors_of(
    rows: int, dimension: int, clusters: int, seed: int, *, even: bool = False
) -> npt.NDArray[np.float16]:
    """Return vectors of length 1 around centres, each spread mostly along a few directions of its own.

    With 30,000 of them in 512 lists, 4, 8, 16 and 32 lists have 0.78, 0.88, 0.95 and 0.99 of the neighbours of
    held-out vectors; of as many sentences of Wikipedia, embedded by MiniLM, 0.80, 0.88, 0.93 and 0.96.
    """
    centres, common = clusters_of(clusters, dimension)
    rng = np.random.default_rng(seed)
    vectors = np.empty((rows, dimension), np.float16)
    for start in range(0, rows, 20_000):
        end = min(rows, start + 20_000)
        count = end - start
        cluster = rng.integers(clusters, size=count) if even else rng.zipf(1.3, count) % clusters
        weights = rng.normal(size=(end - start, 1, DIRECTIONS)).astype(np.float32) * 0.25
        along = np.concatenate(
            [weights[i : i + 2000] @ common[cluster[i : i + 2000] % 64] for i in range(0, end - start, 2000)]
        )[:, 0]
        noise = rng.normal(size=(end - start, dimension)).astype(np.float32) * (0.3 / np.sqrt(dimension))
        block = centres[cluster] + along + noise
        vectors[start:end] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def write(kc: Path, rows: int, dimension: int, part_bits: int, *, even: bool = False) -> Embeddings:
    """Write embeddings part by part, unless they are there."""
    parts = []
    count = 1 << part_bits
    for number in range(count):
        size = rows * (number + 1) // count - rows * number // count
        path = Layout(kc).part("embeddings", number)
        if not path.is_file() or pq.read_metadata(path).num_rows != size:
            vectors = vectors_of(size, dimension, round(2 * math.sqrt(rows)), seed=number, even=even)
            write_vectors(path, number << (IMAGE_ID_BITS - part_bits), vectors)
        parts.append(Part(f"embeddings/{path.name}", size, path.stat().st_size, str(number)))
    write_image_manifest(kc, ImageManifest(snapshot="", source=SOURCE, part_bits=part_bits, tables={}))
    return Embeddings(kc / "images", tuple(parts), dimension)


def write_part(folder: Path, vectors: npt.NDArray[np.float16]) -> Embeddings:
    """Write all vectors as one part."""
    path = folder / "embeddings.parquet"
    write_vectors(path, 0, vectors)
    part = Part(path.name, len(vectors), path.stat().st_size, "")
    return Embeddings(folder, (part,), vectors.shape[1])


def write_vectors(path: Path, first: int, vectors: npt.NDArray[np.float16]) -> None:
    """Write vectors with ids from `first` on."""
    size, dimension = vectors.shape
    table = pa.table(
        [
            pa.array(np.arange(first, first + size)),
            pa.array([""] * size),
            pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), dimension),
            pa.array(np.ones(size, np.float32)),
        ],
        schema=embeddings_schema(dimension),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(
        path, lambda temporary: pq.write_table(table, temporary, compression="none", use_dictionary=False)
    )


class PrivateMemory:
    """Watches this process' memory, without what it maps from files."""

    def __init__(self) -> None:
        self.most = private_memory()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PrivateMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self.most = max(self.most, private_memory())


def private_memory() -> float:
    """Return this process' memory in GB, without what it maps from files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) * 1024 / 1e9


def curve(index: Any, queries: Mapping[str, Queries], k_factor: int) -> Iterator[str]:
    """Return a line for each number of lists that are visited."""
    for nprobe in PROBES:
        yield row(
            f"nprobe {nprobe}, k_factor {k_factor or '-'}",
            index,
            queries,
            Probing.always(Probe(nprobe, k_factor)),
        )


def row(name: str, index: Any, queries: Mapping[str, Queries], probing: Probing) -> str:
    """Return a line of the table: recall by kind of queries, then queries a second by kind and batch."""
    recalls = [f"{recall_of(index, asked, probing):.3f}" for asked in queries.values()]
    speeds = [
        f"{measure_speed(index, asked, probing, size):,.0f}" for asked in queries.values() for size in (1, 64)
    ]
    return f"| {name} | {' | '.join(recalls + speeds)} |"


def by_id(queries: Mapping[str, Queries], ids: Ids) -> dict[str, Queries]:
    """Return queries whose answers are ids in place of rows."""
    return {
        name: Queries(asked.vectors, ids[asked.left_out], ids[asked.exact]) for name, asked in queries.items()
    }


def plain_index(embeddings: Embeddings) -> tuple[Any, float]:
    """Return ``IVF4096,Flat`` as a first attempt would build it, and the processor seconds that it took."""
    import faiss

    started = time.process_time()
    index = faiss.index_factory(embeddings.dimension, "IVF4096,Flat", faiss.METRIC_INNER_PRODUCT)
    sample = np.arange(0, embeddings.rows, max(1, embeddings.rows // 160_000), dtype=np.int64)
    index.train(embeddings.rows_at(sample).astype(np.float32))
    for _, _, vectors in embeddings.blocks():
        index.add(vectors.astype(np.float32))
    return index, time.process_time() - started


def flat_index(embeddings: Embeddings) -> Any:
    import faiss

    index = faiss.IndexFlat(embeddings.dimension, faiss.METRIC_INNER_PRODUCT)
    for _, _, vectors in embeddings.blocks():
        index.add(vectors.astype(np.float32))
    return index


def bench(kc: Path, arguments: argparse.Namespace) -> None:
    import faiss

    bits = max(0, math.ceil(math.log2(arguments.vectors / IMAGES_PER_PART)))
    embeddings = write(kc, arguments.vectors, arguments.dimension, bits, even=arguments.even)
    print(
        f"{embeddings.rows:,} vectors of {embeddings.dimension} numbers, {faiss.omp_get_max_threads()} threads"
    )
    started, cpu = time.perf_counter(), time.process_time()
    layout = Layout(kc)
    options = IndexOptions(factory=arguments.index, shards=arguments.shards)
    memory, before = PrivateMemory(), private_memory()

    def say(line: str) -> None:
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        print(f"{seconds:8.1f} s, {used:8.1f} CPU s, {memory.most - before:5.2f} GB at most  {line}")

    description = read_description(layout)
    if description is None or not index_is_current(layout, embeddings, options):
        with memory, Engine(arguments.workers) as engine:
            description = build_index(layout, embeddings, ENCODER, options, engine, say)
        print(f"built: {description.bytes / 1e9:,.2f} GB")
    rows = np.sort(np.random.default_rng(3).permutation(embeddings.rows)[:500])
    queries = make_queries(embeddings, rows, seed=3)
    before, opening = private_memory(), time.perf_counter()
    served = open_index(kc)
    milliseconds = (time.perf_counter() - opening) * 1000
    served.nearest(queries["held out"].vectors, 10)
    print(
        f"opened in {milliseconds:.0f} ms, {private_memory() - before:.2f} GB of memory beside the mapped file"
    )
    ids = np.concatenate([block for _, block, _ in embeddings.blocks()])
    print(
        "\n| index | recall: held out | mixed | q/s: held out, 1 | 64 | mixed, 1 | 64 |\n" + "|---" * 7 + "|"
    )
    print(f"| {description.factory} |||||||")
    asked = by_id(queries, ids)
    print(row("as the build chose", served._index, asked, served.description.probing))
    for k_factor in (3, 6, 20) if description.kind == "ivf-refine" else (0,):
        for line in curve(served._index, asked, k_factor):
            print(line)
    del served
    flat = flat_index(embeddings)
    print(row("exact", flat, queries, Probing.always(Probe(0, 0))))
    del flat
    if arguments.plain:
        plain, seconds = plain_index(embeddings)
        print(f"| IVF4096,Flat, built in {seconds:.1f} CPU s |||||||")
        for line in curve(plain, queries, 0):
            print(line)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--index")
    parser.add_argument(
        "--even",
        action="store_true",
        help="clusters of one size, which are easier; by default a quarter of the vectors lies in the largest",
    )
    parser.add_argument(
        "--output", metavar="DIR", help="keep vectors and index here, and go on from what is there"
    )
    parser.add_argument("--shards", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--no-plain", dest="plain", action="store_false")
    arguments = parser.parse_args()
    if arguments.output:
        bench(Path(arguments.output), arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            bench(Path(folder), arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
