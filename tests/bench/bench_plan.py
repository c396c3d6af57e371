"""Holds what ``build_text_kc --plan`` foretells against what the build then takes, on the dump of ``make bench``.

    python -m tests.bench.bench_plan                      300 MB of XML, a sample of 1%
    python -m tests.bench.bench_plan --megabytes 1000

Printed: CPU seconds, wall time and memory of the build, rows and bytes of the snapshot and of the embedded index, each
as foretold, as it was, and one over the other; and the memory of the largest process.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.bench_build import PR_SET_CHILD_SUBREAPER, XML_BYTES, default_dump, grow_dump, measure


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dump", type=Path, default=None)
    parser.add_argument("--megabytes", type=float, default=XML_BYTES / 1e6, help="XML of the grown dump")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", default="0.01")
    parser.add_argument("--plans", type=int, default=1, help="how often the plan is made")
    given = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="bench-plan-") as folder:
        dump = Path(folder) / "enwiki-20200101-pages-articles-multistream.xml.bz2"
        size = grow_dump(given.dump or default_dump(), dump, int(given.megabytes * 1e6))
        print(f"{size / 1e6:,.0f} MB of XML, {dump.stat().st_size / 1e6:,.1f} MB bz2")
        kc = Path(folder) / "kc"
        command = [sys.executable, "-m", "pipelines.build_text_kc", "--dump", str(dump)]
        command += ["--workers", str(given.workers), "--json"]
        plans = []
        for _ in range(given.plans):
            began = time.monotonic()
            plan = subprocess.run(
                [*command, "--plan", "--sample", given.sample], capture_output=True, text=True, check=True
            )
            plans.append(json.loads(plan.stdout))
            cpu = plans[-1]["cpu_seconds"]
            print(
                f"plan: {cpu['value']:.1f} CPU s ({cpu['low']:.1f} to {cpu['high']:.1f}), made in"
                f" {time.monotonic() - began:.1f} s of {100 * plans[-1]['sample']:.2f}%",
                flush=True,
            )
        run = measure([*command, "--output", str(kc)])
        manifest = json.loads(run.output[run.output.index("{\n") : run.output.rindex("}") + 1])
        index = sum(path.stat().st_size for path in (kc / "text_index").rglob("*") if path.is_file())
    truth = {
        "CPU seconds": run.cpu,
        "wall seconds": run.wall,
        "sentences": sum(part["rows"] for part in manifest["tables"]["sentences"]),
        "paragraphs": sum(part["rows"] for part in manifest["tables"]["paragraphs"]),
        "bytes of the snapshot": sum(p["bytes"] for parts in manifest["tables"].values() for p in parts),
        "bytes of the index": index,
    }
    plan = plans[0]
    foretold = {
        "CPU seconds": plan["cpu_seconds"],
        "wall seconds": plan["wall_seconds"],
        "sentences": plan["rows"]["sentences"],
        "paragraphs": plan["rows"]["paragraphs"],
        "bytes of the snapshot": plan["disk_bytes"]["snapshot"],
        "bytes of the index": plan["disk_bytes"]["index"],
    }
    for name, true in truth.items():
        one = foretold[name]
        inside = "inside" if one["low"] <= true <= one["high"] else "OUTSIDE"
        print(
            f"{name}: foretold {one['value']:,.1f} ({one['low']:,.1f} to {one['high']:,.1f}, {inside}),"
            f" was {true:,.1f}, ratio {one['value'] / true:.2f}"
        )
    print(
        f"largest process {run.peak_mb:,.0f} MB (plan: {plan['memory_bytes']['measured'] / 1e6:,.0f} MB);"
        f" {size / 1e6 / run.cpu:.1f} MB/s of XML a CPU second, {size / 1e6 / run.wall:.1f} MB/s of wall time"
    )


if __name__ == "__main__":
    main()
