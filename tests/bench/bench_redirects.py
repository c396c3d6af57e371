"""Builds a redirect map of the English Wikipedia's size from invented titles and looks titles up in it.

python -m tests.bench.bench_redirects --redirects 13000000
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.text_corpus.part_files import record_batch
from pipelines.text_corpus.redirects import RedirectTable, build_redirect_table

PER_PART = 650_000
LOOK_UPS = 100_000
SHARE_OF_CHAINS = 0.01


def write_parts(folder: Path, redirects: int) -> list[Path]:
    """Writes part files of redirects; one in a hundred leads to another redirect."""
    paths = []
    for part, first in enumerate(range(0, redirects, PER_PART)):
        numbers = range(first, min(first + PER_PART, redirects))
        titles = [f"Redirect_{random.getrandbits(40):x}_title_{number}" for number in numbers]
        targets = [
            random.choice(titles) if random.random() < SHARE_OF_CHAINS else article_title() for _ in titles
        ]
        batch = record_batch("redirects", {"from_title": titles, "to_title": targets})
        paths.append(folder / f"{part}.parquet")
        pq.write_table(pa.Table.from_batches([batch]), paths[-1])
    return paths


def article_title() -> str:
    """Gives one of eight million titles."""
    return f"Some_article_{random.getrandbits(23):x}"


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--redirects", type=int, default=1_000_000)
    arguments = parser.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory(prefix="bench-redirects-") as folder:
        parts = write_parts(Path(folder), arguments.redirects)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        path = Path(folder) / "redirects.sqlite"
        started, cpu = time.monotonic(), time.process_time()
        drops = build_redirect_table(parts, path)
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{arguments.redirects:,} redirects: {seconds:.1f} s, {cpu:.1f} CPU s, {path.stat().st_size / 1e6:,.0f} MB"
        )
        print(f"left out: {dict(drops)}; peak memory {peak:,.0f} MB ({before:,.0f} MB before the build)")
        table = RedirectTable(path)
        cpu = time.process_time()
        table.targets(article_title() for _ in range(LOOK_UPS))
        print(f"{LOOK_UPS:,} look-ups: {time.process_time() - cpu:.2f} CPU s")


if __name__ == "__main__":
    main()
