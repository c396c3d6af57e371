"""Show on planted data what cross-view alignment changes: ``python -m tests.bench.bench_alignment``.

Two experts with the same text evidence and a real small encoder, one fitted with alignment and one without. Each
is asked twice: with its evidence, and with the sentence alone, for which alignment is made. Aligned steps read
both views, so they cost more; their number is the same. Scores are for each way to decode.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.config import RunConfig
from training.demo.experiment import SIZES, planted_config, small_encoder
from training.demo.planted import write_planted
from training.evaluation.scores import headline_f1
from training.evaluation.statistics import mean_and_deviation
from training.experts import evidence_of, load_expert
from training.reporting.results import decodings
from training.run import run, show_progress
from training.run_folder import Run, open_run

EXPERTS = {
    "text": {"source": "text", "fit": {"alignment": False}},
    "text-aligned": {"source": "text", "fit": {"alignment": True}},
}


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("bench-alignment"))
    parser.add_argument("--task", choices=["ner", "re"], default="ner")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    arguments = parser.parse_args()
    show_progress()
    folder = arguments.output / arguments.task
    write_planted(folder / "cache", task=arguments.task, sizes=SIZES)
    config = planted_config(
        folder, arguments.task, small_encoder(), seeds=arguments.seeds, experts=EXPERTS, mixtures={}
    )
    run(config)
    finished = open_run(folder / "run")
    for name in EXPERTS:
        for view in ("with evidence", "sentence alone"):
            print(f"{name}, {view}: {scores(finished, config, name, alone=view == 'sentence alone')}")
    return 0


def scores(finished: Run, config: RunConfig, name: str, *, alone: bool) -> str:
    """Return the F1 on test of an expert by decoding, over the seeds."""
    examples = finished.cache.examples(config.test)
    source = None if alone else config.experts[name].source
    by_decoding: dict[str, list[float]] = {}
    for seed in config.seeds:
        expert = load_expert(finished.expert_folder(name, seed), config.device)
        found = expert.predict(
            examples, evidence_of(finished.cache, source, config.test), config.evaluation_batch_size
        )
        for decoding, labels in decodings(finished.task.labels, found, "expert").items():
            f1 = headline_f1(finished.task, examples, found.by_example(labels), config.evaluation.convention)
            by_decoding.setdefault(decoding, []).append(f1)
    return ", ".join(
        "{} {:.2f} ± {:.2f}".format(decoding, *mean_and_deviation(f1)) for decoding, f1 in by_decoding.items()
    )


if __name__ == "__main__":
    sys.exit(main())
