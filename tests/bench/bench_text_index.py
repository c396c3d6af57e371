"""Times the text index on invented articles (`tests.bench.invented_text`), beside others on the same in one run.

    python -m tests.bench.bench_text_index --sentences 1000000 5000000 --beside tantivy bm25s elasticsearch

Top 10 distinct paragraphs for invented posts, one thread, best of two rounds; queries a second of CPU time, and of
wall time, which other work lengthens. Rows (sentence and paragraph of a hit) are included for the embedded index and
for Elasticsearch; tantivy and bm25s hold none. CPU time of Elasticsearch is that of its node and of this process: a
node that the benchmark starts on this machine (`tests/services/elasticsearch`) and loads by the pipeline. With
`--folder`, corpora and indexes stay there and are measured again without a build.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kc_schema.snapshot import open_snapshot
from pipelines.engine import Engine, default_workers
from pipelines.text_index import Connection, open_index
from pipelines.text_index.analysis import analyser, foldable
from pipelines.text_index.embedded import EmbeddedIndex
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.load import load_snapshot
from pipelines.text_index.protocol import BM25_B, BM25_K1
from pipelines.text_index.ranking import ScoredSentence, best_paragraphs, rows_to_ask
from tests.bench.invented_text import invent_tweets, write_corpus
from tests.pipelines.text_index.block_max.indexes import Tantivy, words
from tests.services.elasticsearch.node import Node

VERSION = "8.19.21"


@dataclass(frozen=True)
class Seconds:
    """What something took."""

    cpu: float
    wall: float


Clock = Callable[[], float]


def seconds(work: Callable[[], object], clock: Clock = time.process_time) -> Seconds:
    """Return the least CPU and wall seconds of two rounds."""
    rounds = []
    for _ in range(2):
        cpu, wall = clock(), time.perf_counter()
        work()
        rounds.append((clock() - cpu, time.perf_counter() - wall))
    return Seconds(min(cpu for cpu, _ in rounds), min(wall for _, wall in rounds))


def show(sentences: int, name: str, queries: int, one: Seconds, many: Seconds, more: str) -> None:
    """Print a line for an index."""
    print(
        f"{sentences:,} {name}: one by one {queries / one.cpu:,.0f}/s of CPU, {queries / one.wall:,.0f}/s of wall;"
        f" in batches {queries / many.cpu:,.0f}/s, {queries / many.wall:,.0f}/s; {more}",
        flush=True,
    )


def compile_everything(kc: Path) -> None:
    """Build and search a small index, so that no figure holds what is done once on a machine."""
    build_embedded_index(write_corpus(kc, 500))
    with EmbeddedIndex(kc, threads=1) as index:
        index.search(invent_tweets(kc, 1))


def bench_embedded(kc: Path, tweets: Sequence[str], sentences: int) -> None:
    """Print what the embedded index takes and gives."""
    cpu = time.process_time()
    statistics = build_embedded_index(kc, workers=1)
    built = f"built {sentences / (time.process_time() - cpu):,.0f}/s, " if statistics.seconds else ""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    open_index(kc).close()
    opening = time.perf_counter() - started
    with EmbeddedIndex(kc, threads=1) as index:
        started = time.perf_counter()
        index.search(tweets[:1])
        first = time.perf_counter() - started
        one = seconds(lambda: [index.search([tweet]) for tweet in tweets])
        many = seconds(lambda: index.search(tweets))
        queries = [words(tweet) for tweet in tweets]
        before = index.searcher.blocks_scored
        alone = seconds(lambda: [index.searcher.search([query], 10) for query in queries])
        scored = (index.searcher.blocks_scored - before) / 2 / len(queries)
        together = seconds(lambda: index.searcher.search(queries, 10))
    show(
        sentences,
        "embedded",
        len(tweets),
        one,
        many,
        f"without rows {1000 * alone.cpu / len(tweets):.2f} and {1000 * together.cpu / len(tweets):.2f} ms of CPU,"
        f" {scored:,.0f} blocks scored a query; {built}{statistics.bytes / sentences:.1f} bytes a sentence,"
        f" {memory:,.0f} MB of memory; opens in {opening:.3f} s, first query {first:.3f} s",
    )


def rows_of(kc: Path) -> Iterator[tuple[int, str]]:
    """Yield id and text of every sentence."""
    for batch in open_snapshot(kc).batches("sentences", ["sentence_id", "text"]):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


Search = Callable[[Sequence[Counter[str]]], list[list[ScoredSentence]]]


def bench_search(
    kc: Path, tweets: Sequence[str], sentences: int, name: str, search: Search, built: Seconds
) -> None:
    """Print what an index without rows takes, and how many of its answers are those of the embedded index."""
    queries = [words(tweet) for tweet in tweets]
    search(queries[:1])
    one = seconds(lambda: [search([query]) for query in queries])
    many = seconds(lambda: search(queries))
    with EmbeddedIndex(kc, threads=1) as index:
        expected = index.searcher.search(queries, 10)
    same = sum(
        [hit.sentence_id for hit in hits] == [hit.sentence_id for hit in others]
        for hits, others in zip(expected, search(queries), strict=True)
    )
    more = f"no rows; the same sentences in the same order for {same} of {len(queries)}"
    show(sentences, name, len(tweets), one, many, f"{more}; built {sentences / built.cpu:,.0f}/s")


def bench_tantivy(kc: Path, tweets: Sequence[str], sentences: int) -> None:
    """Print what tantivy takes."""
    cpu, wall = time.process_time(), time.perf_counter()
    tantivy = Tantivy(rows_of(kc))
    built = Seconds(time.process_time() - cpu, time.perf_counter() - wall)
    bench_search(
        kc,
        tweets,
        sentences,
        "tantivy",
        lambda queries: [tantivy.search(query, 10) for query in queries],
        built,
    )


def bench_bm25s(kc: Path, tweets: Sequence[str], sentences: int) -> None:
    """Print what bm25s takes, with Lucene's formula and Numba; its index is in memory."""
    import bm25s

    cpu, wall = time.process_time(), time.perf_counter()
    ids, split = [], []
    analyse = analyser().analyze
    for sentence_id, text in rows_of(kc):
        ids.append(sentence_id)
        split.append(analyse(foldable(text)))
    index = bm25s.BM25(method="lucene", k1=BM25_K1, b=BM25_B, backend="numba")
    index.index(split, show_progress=False)
    del split
    built = Seconds(time.process_time() - cpu, time.perf_counter() - wall)

    def search(queries: Sequence[Counter[str]]) -> list[list[ScoredSentence]]:
        found: list[list[ScoredSentence] | None] = [None] * len(queries)
        limit = rows_to_ask(10)
        while waiting := [place for place, hits in enumerate(found) if hits is None]:
            limit = min(limit, len(ids))
            asked = [list(queries[place].elements()) for place in waiting]
            rows, scores = index.retrieve(asked, k=limit, n_threads=1, show_progress=False, sorted=True)
            for place, row, score in zip(waiting, rows.tolist(), scores.tolist(), strict=True):
                hits = [ScoredSentence(s, ids[r]) for r, s in zip(row, score, strict=True) if s > 0]
                found[place] = best_paragraphs(hits, 10, exhausted=len(hits) < limit or limit == len(ids))
            limit *= 4
        return [hits or [] for hits in found]

    bench_search(kc, tweets, sentences, "bm25s", search, built)


def bench_cluster(kc: Path, tweets: Sequence[str], sentences: int, node: Node, shards: int | None) -> None:
    """Print what Elasticsearch takes, and what its node says that the search alone took."""
    prefix = f"bench-{sentences}-{shards or 'own'}"
    with Engine(default_workers()) as engine:
        loaded = load_snapshot(kc, Connection.from_url(node.url), engine, prefix=prefix, shards=shards)

    def clock() -> float:
        assert node.process is not None
        fields = Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()
        return time.process_time() + sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    with open_index(node.url, index_prefix=prefix) as index:
        one = seconds(lambda: [index.search([tweet]) for tweet in tweets], clock)
        many = seconds(lambda: index.search(tweets), clock)
    taken = []
    with Connection.from_url(node.url).open() as client:
        for kind in ("query_then_fetch", "dfs_query_then_fetch"):
            answers = [
                client.search(
                    index=f"{prefix}-sentences",
                    query={"match": {"text": tweet}},
                    size=rows_to_ask(10),
                    sort=[{"_score": "desc"}, {"sentence_id": "asc"}],
                    track_total_hits=False,
                    stored_fields="_none_",
                    search_type=kind,
                )
                for tweet in tweets
            ]
            taken.append(f"{kind} {sum(answer['took'] for answer in answers) / len(tweets):.1f} ms")
    show(
        sentences,
        f"Elasticsearch {VERSION}, {shards or 'its own number of'} shards",
        len(tweets),
        one,
        many,
        f"the node's own time of a search: {', '.join(taken)};"
        f" loaded {loaded.sentences / max(loaded.seconds, 0.1):,.0f}/s of wall",
    )


def main() -> None:
    """Run the benchmark and print a line for each index."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sentences", nargs="+", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--folder", type=Path, help="keep the corpora there [default: a temporary folder]")
    parser.add_argument(
        "--beside",
        nargs="+",
        default=[],
        choices=["tantivy", "bm25s", "elasticsearch"],
        help="ask them the same, too",
    )
    parser.add_argument("--shards", nargs="+", type=int, help="of Elasticsearch, one load for each number")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        compile_everything(Path(name) / "small")
        node = Node(VERSION, Path(name) / "node").start() if "elasticsearch" in arguments.beside else None
        try:
            for count in arguments.sentences:
                kc = folder / str(count)
                if not (kc / "manifest.json").exists():
                    write_corpus(kc, count)
                tweets = invent_tweets(kc, arguments.queries)
                bench_embedded(kc, tweets, count)
                if "tantivy" in arguments.beside:
                    bench_tantivy(kc, tweets, count)
                if "bm25s" in arguments.beside:
                    bench_bm25s(kc, tweets, count)
                if node is not None:
                    for shards in arguments.shards or [None]:
                        bench_cluster(kc, tweets, count, node, shards)
        finally:
            if node is not None:
                node.kill()


if __name__ == "__main__":
    main()
