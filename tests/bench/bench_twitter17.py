"""Trains the text baseline on Twitter-17 with the small encoder and says its F1.

``python -m tests.bench.bench_twitter17 --output bench-twitter17 --data ../shared/data/ner/twitter17``

Four epochs, one seed, on the CPU: some minutes an epoch. A second call with the same output goes on where the
first was cut off. The last line is the figure; exit status 1 below 82 F1 on test (the best of four epochs by F1
on the development split; lenient reading).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from kc_schema.retrieval_cache import CacheWriter, Example
from training.config import build_config
from training.demo.experiment import small_encoder
from training.reporting.results import read_results
from training.run import run, show_progress

AIM = 82.0
FILES = {"train": "train.txt", "dev": "valid.txt", "test": "test.txt"}


def posts(path: Path) -> Iterator[Example]:
    """Gives the posts of a CoNLL file with IMGID lines; a token and its label stand apart by one tab."""
    rows: list[tuple[str, str]] = []
    image, number = None, 0
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        if line.startswith("IMGID:"):
            image = line.removeprefix("IMGID:").strip() + ".jpg"
        elif line.strip("\r\n "):
            token, label = line.rstrip("\r").split("\t")
            rows.append((token, label))
        elif rows:
            tokens, labels = zip(*rows, strict=True)
            yield Example(f"{number}", tokens, labels=labels, image=image)
            rows, number = [], number + 1


def main() -> int:
    """Runs the benchmark."""
    shared = Path(os.environ.get("SHARED_DATA", "../shared/data"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("bench-twitter17"))
    parser.add_argument("--data", type=Path, default=shared / "ner" / "twitter17")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    show_progress()
    writer = CacheWriter(arguments.output / "cache", dataset="twitter17", task="ner", overwrite=True)
    for split, file in FILES.items():
        if not writer.has_examples(split):
            writer.write_examples(split, posts(arguments.data / file))
    writer.commit()
    fit = {
        "epochs": 4,
        "batch_size": 16,
        "learning_rate": 1e-4,
        "head_learning_rate": 1e-2,
        "warmup": 0.1,
        "clip": 1.0,
    }
    run(
        build_config(
            {
                "cache": str(arguments.output / "cache"),
                "output": str(arguments.output / "run"),
                "seeds": [arguments.seed],
                "device": "cpu",
                "encoder": {"name": small_encoder(), "max_length": 256},
                "fit": fit,
                "experts": {"baseline": {}},
            }
        )
    )
    (seed,) = read_results(arguments.output / "run/results/results.json").variants[0].seeds
    test = seed.test["viterbi"]
    print(
        f"Twitter-17, text baseline, 4 epochs: dev {seed.dev_f1:.2f}, test {test.lenient:.2f} lenient, "
        f"{test.strict:.2f} strict, marginal decoding {seed.test['marginal'].f1:.2f}"
    )
    return 0 if test.f1 >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
