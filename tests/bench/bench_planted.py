"""Show on planted data that every part does its work: ``python -m tests.bench.bench_planted``.

Three seeds, NER and RE, a real small encoder, on the CPU. The type of half of the entities (the relation of
half of the pairs) is told by the text evidence alone, of the other half by the image evidence alone. It must
come out that random evidence <= baseline < each expert < mixture, mixture > average pooling, both with
p < 0.05 over seeds, and that the gate knows whom to trust (AUC > 0.9).

The last line holds the figures; exit status 1 where the order does not hold. A second call with the same
output goes on where the first was cut off.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from training.demo.experiment import SIZES, findings, planted_config, small_encoder
from training.demo.planted import write_planted
from training.run import run, show_progress
from training.run_folder import open_run


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("bench-planted"))
    parser.add_argument("--tasks", nargs="+", default=["ner", "re"], choices=["ner", "re"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    arguments = parser.parse_args()
    show_progress()
    lines, wrong = [], []
    for task in arguments.tasks:
        begun = time.monotonic()
        folder = arguments.output / task
        write_planted(folder / "cache", task=task, sizes=SIZES)
        run(planted_config(folder, task, small_encoder(), seeds=arguments.seeds))
        found = findings(open_run(folder / "run"))
        lines.append(f"{task}: {found.line()} ({time.monotonic() - begun:.0f} s)")
        wrong += [f"{task}: {shortfall}" for shortfall in found.shortfalls()]
    for shortfall in wrong:
        print(f"does not hold: {shortfall}")
    print(" | ".join(lines))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
