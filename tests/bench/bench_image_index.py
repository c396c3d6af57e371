"""Times the index stage and its queries beside exact search and a plain ``IVF4096,Flat``.

    python -m tests.bench.bench_image_index --vectors 100000

Vectors are clustered and synthetic: centres, each with directions of its own in which its members spread, as
embeddings of pictures have them. Printed: seconds of the build by step, size, recall@10, queries a second of
one thread one by one and in batches of 64, each relative to exact search, and memory of the mapped index.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.image_manifest import ImageManifest, write_image_manifest
from kc_schema.image_tables import IMAGE_ID_BITS, embeddings_schema
from kc_schema.snapshot import Part
from pipelines.image_index.index_build import IndexOptions, build_index
from pipelines.image_index.layout import Layout
from pipelines.image_index.recall import exact_neighbours, measure_speed, recall_of, set_search
from pipelines.image_index.search import open_index
from pipelines.image_index.vectors import Embeddings

ENCODER = {"name": "synthetic", "weights_sha256": "", "fingerprint": "", "dimension": 0}
DIRECTIONS = 16
PROBES = (1, 2, 4, 8, 16, 32, 64)


def vectors_of(rows: int, dimension: int, clusters: int, seed: int) -> npt.NDArray[np.float16]:
    """Gives vectors of length 1 around centres, each spread mostly along a few directions of its own."""
    centres_rng = np.random.default_rng(11)
    centres = centres_rng.normal(size=(clusters, dimension)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    common = centres_rng.normal(size=(64, DIRECTIONS, dimension)).astype(np.float32) / np.sqrt(dimension)
    rng = np.random.default_rng(seed)
    vectors = np.empty((rows, dimension), np.float16)
    for start in range(0, rows, 20_000):
        end = min(rows, start + 20_000)
        cluster = rng.zipf(1.3, end - start) % clusters
        weights = rng.normal(size=(end - start, 1, DIRECTIONS)).astype(np.float32) * 0.25
        along = np.concatenate(
            [weights[i : i + 2000] @ common[cluster[i : i + 2000] % 64] for i in range(0, end - start, 2000)]
        )[:, 0]
        noise = rng.normal(size=(end - start, dimension)).astype(np.float32) * (0.3 / np.sqrt(dimension))
        block = centres[cluster] + along + noise
        vectors[start:end] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def write(kc: Path, rows: int, dimension: int, part_bits: int) -> Embeddings:
    """Writes embeddings part by part."""
    parts = []
    count = 1 << part_bits
    for number in range(count):
        size = rows * (number + 1) // count - rows * number // count
        vectors = vectors_of(size, dimension, max(64, rows // 100), seed=number)
        first = number << (IMAGE_ID_BITS - part_bits)
        table = pa.table(
            [
                pa.array(np.arange(first, first + size)),
                pa.array([""] * size),
                pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), dimension),
                pa.array(np.ones(size, np.float32)),
            ],
            schema=embeddings_schema(dimension),
        )
        path = Layout(kc).part("embeddings", number)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="none", use_dictionary=False)
        parts.append(Part(f"embeddings/{path.name}", size, path.stat().st_size, str(number)))
    write_image_manifest(kc, ImageManifest(snapshot="", source={}, part_bits=part_bits, tables={}))
    return Embeddings(kc / "images", tuple(parts), dimension)


def resident() -> float:
    """Gives this process' memory in GB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e9


def curve(
    index: Any, queries: npt.NDArray[np.float32], rows: Any, exact: Any, k_factor: int
) -> Iterator[str]:
    """Gives a line for each number of lists that are visited."""
    for nprobe in PROBES:
        set_search(index, nprobe, k_factor)
        recall = recall_of(index, queries, rows, exact)
        speeds = [measure_speed(index, queries, size) for size in (1, 64)]
        yield f"| nprobe {nprobe}, k_factor {k_factor or '-'} | {recall:.3f} | {speeds[0]:,.0f} | {speeds[1]:,.0f} |"


def plain_index(embeddings: Embeddings) -> tuple[Any, float]:
    """Gives ``IVF4096,Flat`` as a first attempt would build it, and the seconds that it took."""
    import faiss

    started = time.perf_counter()
    index = faiss.index_factory(embeddings.dimension, "IVF4096,Flat", faiss.METRIC_INNER_PRODUCT)
    sample = np.arange(0, embeddings.rows, max(1, embeddings.rows // 160_000), dtype=np.int64)
    index.train(embeddings.rows_at(sample).astype(np.float32))
    for _, _, vectors in embeddings.blocks():
        index.add(vectors.astype(np.float32))
    return index, time.perf_counter() - started


def flat_index(embeddings: Embeddings) -> Any:
    import faiss

    index = faiss.IndexFlat(embeddings.dimension, faiss.METRIC_INNER_PRODUCT)
    for _, _, vectors in embeddings.blocks():
        index.add(vectors.astype(np.float32))
    return index


def bench(kc: Path, arguments: argparse.Namespace) -> None:
    import faiss

    embeddings = write(kc, arguments.vectors, arguments.dimension, arguments.part_bits)
    print(
        f"{embeddings.rows:,} vectors of {embeddings.dimension} numbers, {faiss.omp_get_max_threads()} threads"
    )
    started = time.perf_counter()
    options = IndexOptions(factory=arguments.index, shards=arguments.shards, workers=arguments.workers)
    description = build_index(
        Layout(kc),
        embeddings,
        ENCODER,
        options,
        lambda line: print(f"{time.perf_counter() - started:8.1f} s  {line}"),
    )
    print(f"built in {time.perf_counter() - started:.1f} s, {description['bytes'] / 1e6:,.0f} MB")
    rows = np.sort(np.random.default_rng(3).permutation(embeddings.rows)[:500])
    queries = embeddings.rows_at(rows).astype(np.float32)
    before = resident()
    started = time.perf_counter()
    served = open_index(kc)
    print(f"opened in {(time.perf_counter() - started) * 1000:.0f} ms")
    served.nearest(queries[:100], 10)
    print(f"{resident() - before:.2f} GB more resident after 100 queries of the mapped index")
    exact = exact_neighbours(embeddings, rows)
    ids = np.concatenate([block for _, block, _ in embeddings.blocks()])
    print("\n| index | recall@10 | one by one q/s | batches of 64 q/s |\n|---|---|---|---|")
    print(f"| {description['factory']} |||||")
    for k_factor in (6, 20) if description["kind"] == "ivf-refine" else (0,):
        for line in curve(served._index, queries, ids[rows], ids[exact], k_factor):
            print(line)
    flat = flat_index(embeddings)
    speeds = [measure_speed(flat, queries, size) for size in (1, 64)]
    print(f"| exact | 1.000 | {speeds[0]:,.1f} | {speeds[1]:,.1f} |")
    del flat
    plain, seconds = plain_index(embeddings)
    print(f"| IVF4096,Flat, built in {seconds:.1f} s |||||")
    for line in curve(plain, queries, rows, exact, 0):
        print(line)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--part-bits", type=int, default=4)
    parser.add_argument("--index")
    parser.add_argument("--shards", type=int)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench(Path(folder) / "kc", arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
