"""Train an expert on the source ``entity``: ``python -m tests.bench.bench_entity --output bench-entity``.

Planted: a wiki of invented names, each of one type that its article's first sentence tells, and sentences that name
them and tell nothing. The names of the test sentences stand in no training sentence, so an expert without evidence can
do no better than give the most frequent type; the expert ``entity`` can know all of them. The whole way is gone: dump,
text corpus, entities, retrieval cache, training. The last line holds the figures; exit status 1 where the expert is not
20 points of F1 above the baseline.

With ``--long`` the introductions are longer than the encoder's limit, so that none fits whole and the expert is the
baseline, unless ``--too-long cut`` takes their beginnings.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from pipelines.build_entities import main as build_entities
from pipelines.build_retrieval_cache import main as build_cache
from pipelines.build_text_kc import main as build_text
from tests.dump_writer import DumpPage, write_dump
from training.config import build_config
from training.demo.experiment import small_encoder
from training.reporting.results import read_results
from training.run import run, show_progress

GAIN = 20.0
SIZES = {"train": 600, "dev": 60, "test": 200}
NAMES = {"train": 150, "dev": 20, "test": 60}
"""Names of a split; no two splits have one in common."""
ARTICLES = {
    "PER": "is a singer who was born in a small house and has sung ever since",
    "LOC": "is a village on a river, with a harbour and a church",
    "ORG": "is a company that makes bicycles and employs many people",
    "MISC": "is a novel in three parts, which was printed many times",
}
SENTENCES = (
    "cannot stop talking about {} today",
    "so {} is all over my feed again",
    "who else remembers {} ?",
    "{} made my whole week",
    "still thinking about {} tonight",
)
_MORE = " ".join(
    f"Much was written about it in the year {year}, and as much was said that was never written down."
    for year in range(1901, 1921)
)
_BEGIN = ("Ba", "De", "Fi", "Go", "Hu", "Je", "Ka", "Lo", "Mi", "Nu")
_MIDDLE = ("del", "hul", "lka", "mir", "nru", "pra", "sta")
_END = ("a", "en", "is", "o", "ur")


def invented_names() -> dict[str, list[tuple[str, str]]]:
    """Return split -> names, each with its type."""
    chance = random.Random(7)
    names = [begin + middle + end for begin in _BEGIN for middle in _MIDDLE for end in _END]
    chance.shuffle(names)
    return {
        split: [(names.pop(), chance.choice(list(ARTICLES))) for _ in range(count)]
        for split, count in NAMES.items()
    }


def write_inputs(folder: Path, sizes: dict[str, int], *, long: bool = False) -> tuple[Path, Path]:
    """Write the dump and the data set; return where they lie."""
    names = invented_names()
    more = f" {_MORE}" if long else ""
    pages = [
        DumpPage(name, f"'''{name}''' {ARTICLES[kind]}.{more}")
        for own in names.values()
        for name, kind in own
    ]
    dump = write_dump(folder / "testwiki-20250101-pages-articles.xml", pages)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    chance = random.Random(8)
    for split, size in sizes.items():
        rows = []
        for _ in range(size):
            name, kind = chance.choice(names[split])
            tokens = chance.choice(SENTENCES).format(name).split()
            rows.append(
                {"tokens": tokens, "labels": [f"B-{kind}" if word == name else "O" for word in tokens]}
            )
        (data / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return dump, data


def measure(
    folder: Path, sizes: dict[str, int], epochs: int = 3, *, long: bool = False, too_long: str = "skip"
) -> dict[str, float]:
    """Go the whole way and return F1 on test by variant."""
    folder.mkdir(parents=True, exist_ok=True)
    dump, data = write_inputs(folder, sizes, long=long)
    kc, cache = str(folder / "kc"), str(folder / "cache")
    assert build_text(["--dump", str(dump), "--output", kc, "--workers", "1"]) == 0
    assert build_entities(["--kc", kc, "--workers", "1"]) == 0
    given = ["--kc", kc, "--dataset", "jsonl", "--data", str(data), "--output", cache]
    assert build_cache([*given, "--sources", "entity", "--k", "2"]) == 0
    run(
        build_config(
            {
                "cache": cache,
                "output": str(folder / "run"),
                "seeds": [1],
                "device": "cpu",
                "encoder": {"name": small_encoder(), "max_length": 64},
                "contexts": {"too_long": too_long},
                "fit": {
                    "epochs": epochs,
                    "batch_size": 8,
                    "learning_rate": 3e-4,
                    "head_learning_rate": 1e-2,
                    "warmup": 0.1,
                    "clip": 1.0,
                    "alignment": False,
                },
                "experts": {"baseline": {}, "entity": {"source": "entity"}},
                "gate": {"epochs": 20, "learning_rate": 1e-1},
                "mixtures": {"moe": {"experts": ["baseline", "entity"]}},
                "evaluation": {"resamples": 10},
            }
        )
    )
    return {
        variant.name: variant.f1()[0]
        for variant in read_results(folder / "run/results/results.json").variants
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("bench-entity"))
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--too-long", choices=("skip", "cut"), default="skip")
    arguments = parser.parse_args()
    show_progress()
    f1 = measure(arguments.output, SIZES, long=arguments.long, too_long=arguments.too_long)
    print("F1 on test: " + ", ".join(f"{name} {value:.2f}" for name, value in f1.items()))
    return 0 if f1["entity"] > f1["baseline"] + GAIN else 1


if __name__ == "__main__":
    sys.exit(main())
