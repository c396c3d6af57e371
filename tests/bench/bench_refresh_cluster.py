"""Times a cluster's update by page against a load of everything, for several shares of changed pages, in one run.

    python -m tests.bench.bench_refresh_cluster

The dumps are those of `tests.bench.bench_refresh`, the node is that of the tests (tests/services/elasticsearch).
Printed for every share: documents sent, and CPU seconds of this process and of the node, of an update of a clone and
of a load into new indices, both merged to one segment at their end.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from pathlib import Path

from rich.console import Console

from pipelines.build_text_kc import build_text_corpus, describe
from pipelines.text_corpus.output import find_finished, open_place
from pipelines.text_index import load
from pipelines.text_index.connection import Connection
from tests.bench.bench_build import default_dump, grow_dump
from tests.bench.bench_refresh import change_pages
from tests.corpus_builder import HereEngine
from tests.services.elasticsearch.node import Node

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def build(dump: Path, output: Path, older: Path | None = None) -> Path:
    """Build the corpus of a dump."""
    console = Console(file=io.StringIO())
    parts, planned = describe(str(dump), output, keep=True, older=older)
    with open_place(planned) as place:
        find_finished(place, planned, console, overwrite=False)
        build_text_corpus(parts, planned, place, HereEngine(), console)  # type: ignore[arg-type]
    return output


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=60, help="XML of the grown dump")
    parser.add_argument("--shares", default="0.01,0.1,0.3,0.6", help="shares of pages that change")
    parser.add_argument("--version", default="8.19.21", help="of Elasticsearch")
    given = parser.parse_args()
    load.MOST_CHANGED = 1.0
    with tempfile.TemporaryDirectory(prefix="bench-refresh-cluster-") as name:
        folder = Path(name)
        old = folder / "enwiki-20200101-pages-articles-multistream.xml.bz2"
        grow_dump(default_dump(), old, int(given.megabytes * 1e6))
        before = build(old, folder / "old")
        node = Node(given.version, folder / "data").start()
        try:
            connection = Connection(node.url)
            assert node.process is not None
            process = node.process.pid

            def measure(kc: Path, prefix: str, older: Path | None) -> tuple[int, float, float, float]:
                started = time.monotonic(), time.process_time(), cpu_seconds(process)
                done = load.load_snapshot(
                    kc,
                    connection,
                    HereEngine(),
                    prefix=prefix,
                    keep=9,
                    older=older,  # type: ignore[arg-type]
                )
                ended = time.monotonic(), time.process_time(), cpu_seconds(process)
                wall, here, there = (b - a for a, b in zip(started, ended, strict=True))
                return done.loaded, here, there, wall

            measure(before, "update", None)
            for share in map(float, given.shares.split(",")):
                new = folder / f"new-{share}" / "enwiki-20200201-pages-articles-multistream.xml.bz2"
                new.parent.mkdir()
                change_pages(old, new, share)
                kc = build(new, folder / f"kc-{share}", before)
                for what, older in (("update", before), ("load", None)):
                    sent, here, there, wall = measure(kc, what if older else f"{what}-{share}", older)
                    print(
                        f"{100 * share:g}% changed, {what}: {sent:,} documents, {here:.1f} CPU s here, {there:.1f} in"
                        f" the node, wall {wall:.1f} s"
                    )
        finally:
            node.kill()


if __name__ == "__main__":
    main()
