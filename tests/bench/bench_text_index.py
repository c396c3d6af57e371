"""Times the text index on invented articles (`tests.bench.invented_text`): building, opening, searching.

    python -m tests.bench.bench_text_index --sentences 1000000 5000000

Rates are per second of this process' CPU time, with one thread, so that other work beside it counts less; rows are
included. tantivy (which the index was made with before) and a node of Elasticsearch that the benchmark starts on this
machine (`tests/services/elasticsearch`) answer the same queries in the same run where they are asked for: tantivy's
figures are those of the search alone; Elasticsearch's are of wall time.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kc_schema.snapshot import open_snapshot
from pipelines.engine import Engine, default_workers
from pipelines.text_index import Connection, TextIndex, open_index
from pipelines.text_index.embedded import EmbeddedIndex
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.load import load_snapshot
from tests.bench.invented_text import invent_tweets, write_corpus
from tests.pipelines.text_index.block_max.indexes import Tantivy, words
from tests.services.elasticsearch.node import Node

VERSION = "8.19.21"


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds that something takes."""
    started = clock()
    work()
    return clock() - started


def rates(index: TextIndex, tweets: Sequence[str], clock: Callable[[], float]) -> tuple[float, float]:
    """Return queries a second, one by one and all at once: the better of two rounds."""
    one = min(seconds(lambda: [index.search([tweet]) for tweet in tweets], clock) for _ in range(2))
    many = min(seconds(lambda: index.search(tweets), clock) for _ in range(2))
    return len(tweets) / one, len(tweets) / many


def bench_embedded(kc: Path, tweets: Sequence[str], sentences: int) -> None:
    """Print what the embedded index takes and gives."""
    building = seconds(lambda: build_embedded_index(kc, workers=1))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = build_embedded_index(kc).bytes / sentences
    opening = seconds(lambda: open_index(kc).close(), time.perf_counter)
    with EmbeddedIndex(kc, threads=1) as index:
        first = seconds(lambda: index.search(tweets[:1]))
        one, many = rates(index, tweets, time.process_time)
        queries = [words(tweet) for tweet in tweets]
        before = index.searcher.blocks_scored
        alone = min(
            seconds(lambda: [index.searcher.search([query], 10) for query in queries]) for _ in range(2)
        )
        scored = (index.searcher.blocks_scored - before) / 2 / len(queries)
    print(
        f"{sentences:,} embedded: built {sentences / building:,.0f}/s, {size:.1f} bytes a sentence, {memory:,.0f} MB"
        f" of memory; opens in {opening:.3f} s, first query {first:.3f} s; queries/s: {one:,.0f} one by one,"
        f" {many:,.0f} in batches; without rows {len(queries) / alone:,.0f}, {scored:,.0f} blocks scored a query",
        flush=True,
    )


def bench_tantivy(kc: Path, tweets: Sequence[str], sentences: int) -> None:
    """Print what tantivy takes for the search alone, and how many of its answers are the same."""
    rows = (
        row
        for batch in open_snapshot(kc).batches("sentences", ["sentence_id", "text"])
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    )
    tantivy = Tantivy(rows)
    queries = [words(tweet) for tweet in tweets]
    alone = min(seconds(lambda: [tantivy.search(query, 10) for query in queries]) for _ in range(2))
    with EmbeddedIndex(kc, threads=1) as index:
        found = index.searcher.search(queries, 10)
    same = sum(
        [hit.sentence_id for hit in hits] == [hit.sentence_id for hit in tantivy.search(query, 10)]
        for hits, query in zip(found, queries, strict=True)
    )
    print(
        f"{sentences:,} tantivy: {len(queries) / alone:,.0f} queries/s without rows; the same sentences in the same"
        f" order for {same} of {len(queries)}",
        flush=True,
    )


def bench_cluster(kc: Path, tweets: Sequence[str], sentences: int, url: str) -> None:
    """Print what Elasticsearch takes."""
    with Engine(default_workers()) as engine:
        loaded = load_snapshot(kc, Connection.from_url(url), engine, prefix=f"bench-{sentences}")
    with open_index(url, index_prefix=f"bench-{sentences}") as index:
        one, many = rates(index, tweets, time.perf_counter)
    print(
        f"{sentences:,} Elasticsearch: loaded {loaded.sentences / loaded.seconds:,.0f}/s; queries/s of wall time:"
        f" {one:,.0f} one by one, {many:,.0f} in batches",
        flush=True,
    )


def main() -> None:
    """Run the benchmark and print a line for each index."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sentences", nargs="+", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--folder", type=Path, help="keep the corpora there [default: a temporary folder]")
    parser.add_argument("--tantivy", action="store_true", help="ask tantivy the same, too")
    parser.add_argument(
        "--elasticsearch", action="store_true", help="ask a node of Elasticsearch the same, too"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        node = Node(VERSION, Path(name) / "node").start() if arguments.elasticsearch else None
        try:
            for count in arguments.sentences:
                kc = folder / str(count)
                if not (kc / "manifest.json").exists():
                    write_corpus(kc, count)
                tweets = invent_tweets(kc, arguments.queries)
                bench_embedded(kc, tweets, count)
                if arguments.tantivy:
                    bench_tantivy(kc, tweets, count)
                if node is not None:
                    bench_cluster(kc, tweets, count, node.url)
        finally:
            if node is not None:
                node.kill()


if __name__ == "__main__":
    main()
