"""Holds what ``build_text_kc --plan`` foretells against what the build then takes, on the dump of ``make bench``.

    python -m tests.bench.bench_plan --plans 3            300 MB of XML, a sample of 1%, 1 and 2 workers
    python -m tests.bench.bench_plan --megabytes 1000

Half of the plans are made before the build and half behind it, since other work makes the same work dearer: what is
foretold is their mean. Printed: CPU seconds, wall time and memory of the build, rows and bytes of the snapshot and of
the embedded index, each as foretold, as it was, and one over the other; the CPU seconds of each stage; the memory of
the largest process; and the load.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipelines.engine import read_timings
from tests.bench.bench_build import PR_SET_CHILD_SUBREAPER, XML_BYTES, default_dump, grow_dump, measure


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dump", type=Path, default=None)
    parser.add_argument("--megabytes", type=float, default=XML_BYTES / 1e6, help="XML of the grown dump")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--text-index", choices=("tantivy", "none"), default="tantivy")
    parser.add_argument("--sample", default="0.01")
    parser.add_argument("--plans", type=int, default=2, help="how often the plan is made")
    given = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="bench-plan-") as folder:
        dump = Path(folder) / "enwiki-20200101-pages-articles-multistream.xml.bz2"
        size = grow_dump(given.dump or default_dump(), dump, int(given.megabytes * 1e6))
        print(f"{size / 1e6:,.0f} MB of XML, {dump.stat().st_size / 1e6:,.1f} MB bz2")
        for workers in given.workers:
            print(f"{workers} worker{'s' if workers > 1 else ''}, --text-index {given.text_index}:")
            command = [sys.executable, "-m", "pipelines.build_text_kc", "--dump", str(dump), "--json"]
            command += [f"--workers={workers}", f"--text-index={given.text_index}"]
            hold(command, given.plans, given.sample, Path(folder) / f"kc-{workers}", size)


def make_plan(command: list[str], sample: str) -> dict[str, Any]:
    """Make a plan, print its CPU seconds, and return it."""
    began = time.monotonic()
    done = subprocess.run(
        [*command, "--plan", "--sample", sample], capture_output=True, text=True, check=True
    )
    plan: dict[str, Any] = json.loads(done.stdout)
    cpu = plan["cpu_seconds"]
    print(
        f"plan: {cpu['value']:.1f} CPU s ({cpu['low']:.1f} to {cpu['high']:.1f}), made in"
        f" {time.monotonic() - began:.1f} s of {100 * plan['sample']:.2f}%",
        flush=True,
    )
    return plan


def mean(plans: list[dict[str, Any]], *names: str) -> dict[str, float]:
    """Return the mean of an estimate of some plans."""
    found = []
    for plan in plans:
        for name in names:
            plan = plan[name]
        found.append(plan)
    return {key: sum(one[key] for one in found) / len(found) for key in ("value", "low", "high")}


def hold(command: list[str], count: int, sample: str, kc: Path, size: int) -> None:
    """Make plans, run the build between them, and print the mean of the plans against what it took."""
    plans = [make_plan(command, sample) for _ in range((count + 1) // 2)]
    run = measure([*command, "--output", str(kc)])
    plans += [make_plan(command, sample) for _ in range(count // 2)]
    manifest = json.loads(run.output[run.output.index("{\n") : run.output.rindex("}") + 1])
    tables = manifest["tables"]
    truth = {
        "CPU seconds": run.cpu,
        "wall seconds": run.wall,
        "sentences": sum(part["rows"] for part in tables["sentences"]),
        "paragraphs": sum(part["rows"] for part in tables["paragraphs"]),
        "bytes of the snapshot": sum(part["bytes"] for parts in tables.values() for part in parts),
        "bytes of the index": sum(
            path.stat().st_size for path in (kc / "text_index").rglob("*") if path.is_file()
        ),
    }
    foretold = {
        "CPU seconds": mean(plans, "cpu_seconds"),
        "wall seconds": mean(plans, "wall_seconds"),
        "sentences": mean(plans, "rows", "sentences"),
        "paragraphs": mean(plans, "rows", "paragraphs"),
        "bytes of the snapshot": mean(plans, "disk_bytes", "snapshot"),
        "bytes of the index": mean(plans, "disk_bytes", "index"),
    }
    for name, true in truth.items():
        one = foretold[name]
        inside = "inside" if one["low"] <= true <= one["high"] else "OUTSIDE"
        ratio = f", ratio {one['value'] / true:.2f}" if true else ""
        print(
            f"{name}: foretold {one['value']:,.1f} ({one['low']:,.1f} to {one['high']:,.1f}, {inside}),"
            f" was {true:,.1f}{ratio}",
            flush=True,
        )
    steps = ", ".join(f"{step} {mean(plans, 'steps', step)['value']:.1f}" for step in plans[0]["steps"])
    stages = ", ".join(f"{stage.stage} {stage.cpu_seconds:.1f}" for stage in read_timings(kc))
    print(f"CPU seconds foretold: {steps}; taken: {stages} (starting Beam is part of extract)")
    print(
        f"load {os.getloadavg()[0]:.1f}; largest process so far {run.peak_mb:,.0f} MB (plan:"
        f" {plans[0]['memory_bytes']['measured'] / 1e6:,.0f} MB);"
        f" {size / 1e6 / run.cpu:.1f} MB/s of XML a CPU second, {size / 1e6 / run.wall:.1f} MB/s of wall time"
    )


if __name__ == "__main__":
    main()
