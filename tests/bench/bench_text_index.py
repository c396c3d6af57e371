"""Times both text indices: loading, searching one by one and in batches, with and without frequent terms.

    python -m tests.bench.bench_text_index --kc kc --tweets tweets.txt --sentences 100000 1000000

Sentences are grown from those of the snapshot: runs of four words from random places, in the lengths of real
sentences, so that the vocabulary and its frequencies are real. Elasticsearch is a node of 512 MB that the
benchmark starts on this machine (`tests/services/elasticsearch`), unless an address is given.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.hit import Hit
from kc_schema.snapshot import Manifest, Part, Snapshot, checksum, open_snapshot, write_manifest
from kc_schema.tables import TEXT_TABLES
from pipelines.engine import Engine, default_workers
from pipelines.text_corpus.part_files import ROWS_PER_GROUP
from pipelines.text_index import Connection, TextIndex, open_index
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.load import load_snapshot
from tests.services.elasticsearch.node import Node

RUN = 4
"""Words that are taken from one place of the real text."""
SENTENCES_PER_PARAGRAPH = 4
ROWS_PER_PART = 200_000
VERSION = "8.19.21"


def grow(snapshot: Snapshot, folder: Path, count: int, seed: int) -> Path:
    """Writes a snapshot of `count` sentences from the words of a real one."""
    words = [
        text.split() for batch in snapshot.batches("sentences", ["text"]) for text in batch[0].to_pylist()
    ]
    lengths = np.array([len(sentence) for sentence in words])
    vocabulary, stream = np.unique(
        np.concatenate([np.array(s, object) for s in words if s]), return_inverse=True
    )
    random = np.random.default_rng(seed)
    tables: dict[str, list[Part]] = {name: [] for name in TEXT_TABLES}
    for start in range(0, count, ROWS_PER_PART):
        size = min(ROWS_PER_PART, count - start)
        texts = list(_sentences(vocabulary, stream, random.choice(lengths, size), random))
        for table, rows in _rows(start, texts).items():
            path = folder / table / f"part-{start // ROWS_PER_PART:05d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, path, compression="zstd", row_group_size=ROWS_PER_GROUP[table])
            relative = path.relative_to(folder).as_posix()
            tables[table].append(Part(relative, len(rows), path.stat().st_size, checksum(path)))
    write_manifest(folder, Manifest(dump={}, options={}, versions={}, tables=tables))
    return folder


def _sentences(
    vocabulary: np.ndarray, stream: np.ndarray, lengths: np.ndarray, random: np.random.Generator
) -> Iterator[str]:
    for length in lengths:
        starts = random.integers(0, len(stream) - RUN, -(-length // RUN))
        places = (starts[:, None] + np.arange(RUN)).ravel()[:length]
        yield " ".join(vocabulary[stream[places]])


def _rows(start: int, texts: Sequence[str]) -> dict[str, pa.Table]:
    numbers = np.arange(start, start + len(texts))
    paragraphs = (numbers // SENTENCES_PER_PARAGRAPH + 1) << 16
    positions = numbers % SENTENCES_PER_PARAGRAPH
    first = np.arange(0, len(texts), SENTENCES_PER_PARAGRAPH)
    sentences = pa.table(
        [
            pa.array((paragraphs << 12) + positions),
            pa.array(paragraphs),
            pa.array(positions, pa.int32()),
            texts,
        ],
        schema=TEXT_TABLES["sentences"],
    )
    count = len(first)
    columns = {
        "paragraph_id": paragraphs[first],
        "page_id": paragraphs[first] >> 16,
        "title": [f"Page {number}" for number in paragraphs[first] >> 16],
        "section": [""] * count,
        "position": pa.array(np.zeros(count), pa.int32()),
        "kind": ["prose"] * count,
        "text": [" ".join(texts[place : place + SENTENCES_PER_PARAGRAPH]) for place in first],
    }
    return {"sentences": sentences, "paragraphs": pa.table(columns, schema=TEXT_TABLES["paragraphs"])}


def rate_one_by_one(index: TextIndex, tweets: Sequence[str]) -> float:
    """Return queries a second when each waits for the one before: the better of two rounds."""
    return max(len(tweets) / _seconds(lambda: [index.search([tweet]) for tweet in tweets]) for _ in range(2))


def rate_in_batches(index: TextIndex, tweets: Sequence[str]) -> float:
    """Return queries a second of all tweets at once: the best of three rounds."""
    return max(len(tweets) / _seconds(lambda: index.search(tweets)) for _ in range(3))


def _seconds(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - started


def overlap(one: Sequence[Sequence[Hit]], other: Sequence[Sequence[Hit]]) -> float:
    """Return the mean share of the paragraphs of `one` that `other` has too."""
    return statistics.fmean(
        len({hit.record_id for hit in a} & {hit.record_id for hit in b}) / len(a)
        for a, b in zip(one, other, strict=True)
        if a
    )


def print_row(name: str, *cells: str) -> None:
    """Prints a line as soon as it is measured: the whole takes a while."""
    print(f"{name:48}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def measure(
    name: str,
    place: str | Path,
    prefix: str,
    tweets: Sequence[str],
    load: float,
    size: float,
) -> None:
    """Adds an index' line for all terms and one without the frequent terms."""
    with open_index(place, index_prefix=prefix) as index:
        every = index.search(tweets)
        rates = [rate_one_by_one(index, tweets[:200]), rate_in_batches(index, tweets)]
        print_row(name, f"{load:,.0f}", f"{size:,.0f}", *(f"{rate:,.0f}" for rate in rates), "")
    with open_index(place, index_prefix=prefix, max_document_frequency=0.05) as index:
        rare = index.search(tweets)
        rates = [rate_one_by_one(index, tweets[:200]), rate_in_batches(index, tweets)]
        shared = f"{overlap(every, rare):.2f}"
        print_row(f"{name}, terms in 5% at most", "", "", *(f"{rate:,.0f}" for rate in rates), shared)


def bench(count: int, snapshot: Snapshot, tweets: Sequence[str], url: str, folder: Path) -> None:
    """Builds, loads and searches one size."""
    from elasticsearch import Elasticsearch

    kc = grow(snapshot, folder / str(count), count, seed=0)
    built = build_embedded_index(kc, workers=default_workers())
    measure(f"{count:,} embedded", kc, "", tweets, built.sentences / built.seconds, built.bytes / 1e6)
    prefix = f"bench-{count}"
    with Engine(default_workers()) as engine:
        loaded = load_snapshot(kc, Connection.from_url(url), engine, prefix=prefix)
    with Elasticsearch(url) as client:
        stores = {
            part: client.indices.stats(index=f"{prefix}-{part}", metric="store")["_all"]["primaries"]["store"]
            for part in ("sentences", "paragraphs")
        }
    sizes = {part: store["size_in_bytes"] / 1e6 for part, store in stores.items()}
    print(f"{count:,} sentences on Elasticsearch: {sizes} MB", flush=True)
    rate = loaded.sentences / loaded.seconds
    measure(f"{count:,} Elasticsearch", url, prefix, tweets, rate, sum(sizes.values()))


def main() -> None:
    """Runs the benchmark and prints a line for each index."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kc", required=True, type=Path, help="a snapshot of real sentences")
    parser.add_argument("--tweets", required=True, type=Path, help="queries, one a line")
    parser.add_argument("--sentences", nargs="+", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--elasticsearch-url", help="a running cluster (default: a node of the tests')")
    arguments = parser.parse_args()
    tweets = arguments.tweets.read_text(encoding="utf-8").splitlines()
    print(f"{len(tweets)} queries, {os.cpu_count()} cores; load: sentences a second; rates: queries a second")
    print_row("index", "load", "MB", "one by one", "in batches", "overlap top 10")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        node = None
        url = arguments.elasticsearch_url
        if url is None:
            node = Node(VERSION, folder / "node").start()
            url = node.url
        try:
            for count in arguments.sentences:
                bench(count, open_snapshot(arguments.kc), tweets, url, folder)
        finally:
            if node is not None:
                node.kill()


if __name__ == "__main__":
    main()
