"""Build corpora, retrieval caches and models from nothing and fill the paper's tables: Twitter-17 and MNRE.

``python -m tests.bench.bench_tables --data ../shared/data --output bench-tables``

Every step is the project's own command. So that one core does it in minutes, the encoder is small, inputs end at
128 sub-tokens, and experts see a part of the data; MNRE's test split is half of the development split where there
is no file of its own. **The pictures are invented** (`tests.bench.invented_pictures`), so figures of image
evidence are those of chance and say only that the way through is whole.

A second call with the same output goes on where the first was cut off. The last lines are the figures; exit
status 1 where a table is missing or has an empty cell that the data allow to fill.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kc_schema.snapshot import open_snapshot
from tests.bench.invented_pictures import write_pictures
from training.demo.experiment import small_encoder
from training.evaluation.statistics import mean_and_deviation
from training.reporting.results import read_results

DUMP = "dumps/enwiki-2022-139-articles.xml.bz2"
ENCODER = "tests.bench.small_clip:build"
SOURCES = ("text", "sentence_image", "image", "object", "random_text", "random_image")
FOLDERS = {"twitter17": "ner/twitter17", "mnre": "re/mnre"}
TABLES = {
    "twitter17": ("Table 2", "Table 3", "Table 4", "Table 5", "Table 6", "Both", "Table 7", "Differences"),
    "mnre": ("Table 2", "Table 3", "Table 4", "Table 5", "Table 7", "Differences"),
}


def main() -> int:
    """Run the benchmark."""
    shared = Path(os.environ.get("SHARED_DATA", "../shared/data"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=shared)
    parser.add_argument("--output", type=Path, default=Path("bench-tables"))
    parser.add_argument("--datasets", nargs="+", choices=list(FOLDERS), default=list(FOLDERS))
    parser.add_argument("--train", type=int, default=400, help="training examples (default: %(default)s)")
    parser.add_argument(
        "--held-out", type=int, default=200, help="of dev and test each (default: %(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=3, help="of an expert (default: %(default)s)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2])
    arguments = parser.parse_args()
    output = arguments.output
    build_corpora(arguments.data / DUMP, output)
    lines, wrong = [], []
    for dataset in arguments.datasets:
        folder = output / dataset
        write_part(
            dataset, arguments.data / FOLDERS[dataset], folder / "data", arguments.train, arguments.held_out
        )
        build_cache(dataset, folder, output / "kc")
        train(dataset, folder, arguments.seeds, arguments.epochs)
        report = (folder / "run" / "report" / "report.md").read_text()
        wrong += [f"{dataset}: {what}" for what in missing(report, TABLES[dataset])]
        lines.append(f"{dataset}: {figures(folder / 'run')}")
    for what in wrong:
        print(f"missing: {what}")
    print(" | ".join(lines))
    return 1 if wrong else 0


def call(module: str, *options: object, save: Path | None = None) -> None:
    """Run one of the project's commands; what it prints goes to `save`, where one is given."""
    command = [sys.executable, "-m", module, *map(str, options)]
    print("$ python -m", module, *map(str, options), flush=True)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE if save else None, text=True)
    if save:
        save.write_text(done.stdout)


def build_corpora(dump: Path, output: Path) -> None:
    """Build text and image corpus."""
    kc, pictures = output / "kc", output / "article-pictures"
    call("pipelines.build_text_kc", "--dump", dump, "--output", kc, "--workers", 1)
    files = [
        name for batch in open_snapshot(kc).batches("image_links", ["file"]) for name in batch[0].to_pylist()
    ]
    print(f"{write_pictures(pictures, files)} invented pictures of articles")
    options = ("--encoder", ENCODER, "--device", "cpu", "--workers", 1)
    call("pipelines.build_image_kc", "--kc", kc, "--images", pictures, *options)


def write_part(dataset: str, source: Path, folder: Path, train: int, held_out: int) -> None:
    """Write a part of a data set in its own format, and a picture for every post.

    A relation of which the chosen training lines have none would be an error of the run, so the other splits are
    without it, too.
    """
    if dataset == "twitter17":
        rows = {name: blocks(source / f"{name}.txt") for name in ("train", "valid", "test")}
    else:
        rows = relations(source)
    parts = {"train": spread(rows.pop("train"), train)}
    known = set(map(relation_of, parts["train"])) if dataset == "mnre" else None
    for name, all_rows in rows.items():
        usable = [row for row in all_rows if known is None or relation_of(row) in known]
        print(f"{name}: {len(all_rows) - len(usable)} of {len(all_rows)} are of no relation seen in training")
        parts[name] = spread(usable, held_out)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name, kept in parts.items():
        (folder / f"{name}.txt").write_text("".join(kept), encoding="utf-8")
    names = (picture_of(dataset, row) for kept in parts.values() for row in kept)
    print(f"{write_pictures(folder / 'images', names)} invented pictures of posts")


def blocks(path: Path) -> list[str]:
    """Return the posts of a CoNLL file as text."""
    return [f"{block}\n\n" for block in path.read_text(encoding="utf-8").split("\n\n") if block.strip()]


def relations(source: Path) -> dict[str, list[str]]:
    """Return MNRE's lines by split; development sentences are halved where there is no test split."""
    files = {path.stem.rsplit("_", 1)[-1]: path for path in sorted(source.glob("*.txt"))}
    rows = {
        split: path.read_text(encoding="utf-8").splitlines(keepends=True) for split, path in files.items()
    }
    if "test" not in rows:
        sentences = list(dict.fromkeys(map(sentence_of, rows["val"])))
        tested = set(sentences[1::2])
        rows["test"] = [line for line in rows["val"] if sentence_of(line) in tested]
        rows["val"] = [line for line in rows["val"] if sentence_of(line) not in tested]
    return rows


def relation_of(line: str) -> str:
    """Return the relation of a line of MNRE."""
    return str(ast.literal_eval(line)["relation"])


def sentence_of(line: str) -> str:
    """Return the sentence of a line of MNRE."""
    return " ".join(ast.literal_eval(line)["token"])


def picture_of(dataset: str, row: str) -> str:
    """Return the name of a post's picture."""
    if dataset == "mnre":
        return str(ast.literal_eval(row)["img_id"])
    return row.partition("IMGID:")[2].partition("\n")[0].strip() + ".jpg"


def spread(rows: Sequence[str], count: int) -> list[str]:
    """Return `count` rows at even distances, all where there are fewer."""
    step = max(1, len(rows) // count)
    return list(rows[::step][:count])


def build_cache(dataset: str, folder: Path, kc: Path) -> None:
    """Build the retrieval cache with all sources."""
    cache = folder / "cache"
    if (cache / "speed.json").exists():
        return
    call(
        "pipelines.build_retrieval_cache",
        *(
            "--kc",
            kc,
            "--dataset",
            dataset,
            "--data",
            folder / "data",
            "--images",
            folder / "data" / "images",
        ),
        *("--sources", ",".join(SOURCES), "--device", "cpu", "--output", cache, "--overwrite"),
    )


def settings(dataset: str, folder: Path, seeds: Sequence[int], epochs: int) -> dict[str, Any]:
    """Return the configuration of the run."""
    gate = {"epochs": 30, "batch_size": 32, "learning_rate": 1e-2}
    both = ["text", "image"]
    return {
        "cache": str(folder / "cache"),
        "output": str(folder / "run"),
        "seeds": list(seeds),
        "device": "cpu",
        "encoder": {"name": small_encoder(), "max_length": 128},
        "fit": {
            "epochs": epochs,
            "batch_size": 16,
            "learning_rate": 2e-4,
            "head_learning_rate": 1e-2 if dataset == "twitter17" else 1e-3,
            "warmup": 0.1,
            "clip": 1.0,
        },
        "gate": gate,
        "experts": {
            "baseline": {},
            **{
                source: {"source": source}
                for source in ("text", "image", "object", "random_text", "random_image")
            },
        },
        "mixtures": {
            **{f"average-{one}": {"experts": [one, one], "kind": "average"} for one in both},
            "average": {"experts": both, "kind": "average"},
            **{f"moe-{one}": {"experts": [one, one]} for one in both},
            "moe": {"experts": both},
            "moe-raw": {"experts": both, "gate": {"normalised": False}},
            "moe-example": {"experts": both, "gate": {"weights": "example"}},
            "moe-object": {"experts": [*both, "object"]},
        },
    }


def train(dataset: str, folder: Path, seeds: Sequence[int], epochs: int) -> None:
    """Fits all experts and mixtures, writes the report with its pictures, and predicts with the mixture."""
    config = folder / "config.yaml"
    # JSON is YAML, too.
    config.write_text(json.dumps(settings(dataset, folder, seeds, epochs), indent=1))
    call("training.run", "--config", config, "--dry-run")
    call("training.run", "--config", config, save=folder / "run.txt")
    call("training.report", "--run", folder / "run", "--images", folder / "data" / "images")
    predictions = folder / "predictions.jsonl"
    call("training.predict", "--run", folder / "run", "--cache", folder / "cache", "--output", predictions)


def missing(report: str, wanted: Sequence[str]) -> Iterator[str]:
    """Return the tables that a report lacks, and the columns of which every cell is empty."""
    for start in wanted:
        _, found, rest = report.partition(f"\n## {start}")
        if not found:
            yield f"{start} is not there"
            continue
        lines = [line for line in rest.split("\n## ")[0].split("\n") if line.startswith("|")]
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
        for place, column in enumerate(rows[0]):
            if all(row[place] in ("", "–") for row in rows[2:]):
                yield f"{start}: nothing in the column {column!r}"


def figures(run: Path) -> str:
    """Return the mean F1 of every variant in one line."""
    variants = read_results(run / "results" / "results.json").variants
    means = [f"{variant.name} {mean_and_deviation(variant.f1())[0]:.2f}" for variant in variants]
    return ", ".join(means)


if __name__ == "__main__":
    sys.exit(main())
