"""Describes a data set: sizes, labels, oddities, and texts that stand in two splits.

python -m pipelines.describe_dataset --dataset twitter17 --data data/twitter17
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from kc_schema.command import Command, options
from pipelines.datasets import DatasetOptions, ImageFolder, keep_readable_images
from pipelines.datasets.summary import summarise
from pipelines.engine import Progress

EXAMPLES = """\
python -m pipelines.describe_dataset --dataset twitter17 --data data/twitter17
python -m pipelines.describe_dataset --dataset mnre --data data/mnre --images data/mnre/img_org --json
python -m pipelines.describe_dataset --dataset conll --data data/conll2003 --scheme iob1
"""


@options
@dataclass(frozen=True, kw_only=True)
class DescribeOptions:
    """What the command takes."""

    read: Annotated[DatasetOptions, Parameter(group="Data set")]
    json: bool = False
    """Print one JSON object instead of tables."""


def run(given: DescribeOptions) -> None:
    """Print what the data set that the options name holds."""
    dataset = given.read.read()
    folder = ImageFolder(given.read.image_folder)
    if len(folder) or given.read.images:
        total = sum(map(len, dataset.splits.values()))
        with Progress(Console(stderr=True), "Look at images", total, unit="examples") as progress:
            keep_readable_images(dataset, folder, lambda done, _: progress.show(done))
    summary = {**summarise(dataset), "image_files": len(folder)}
    if given.json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        show(Console(), summary)


def show(console: Console, summary: dict[str, Any]) -> None:
    """Print the summary as tables."""
    splits = summary["splits"]
    sizes = _table(f"{summary['dataset']} ({summary['task']})", "", *splits)
    names = ["file", "examples", "published", "tokens", "images", "entities", "entities_strict"]
    labels = {
        "published": "examples as published",
        "entities": "entities (lenient, as seqeval counts)",
        "entities_strict": "entities (strict, B- and S- only)",
    }
    for name in names:
        if any(split.get(name) is not None for split in splits.values()):
            sizes.add_row(labels.get(name, name), *(_cell(split.get(name)) for split in splits.values()))
    console.print(sizes)
    if not summary["image_files"]:
        console.print("no image files found; --images DIR says where they are\n")
    if summary["task"] == "re":
        console.print(f"no relation: {summary['no_relation'] or 'no label stands for it'}\n", markup=False)
    kind = "types" if summary["task"] == "ner" else "relations"
    kinds = _table(kind, "", *splits)
    for name in dict.fromkeys(name for split in splits.values() for name in split[kind]):
        kinds.add_row(name, *(_cell(split[kind].get(name, 0)) for split in splits.values()))
    console.print(kinds)
    quirks = _table("quirks", "", *splits, "what is done", "first seen")
    for name, quirk in summary["quirks"].items():
        counts = (_cell(quirk["counts"].get(split, 0)) for split in splits)
        quirks.add_row(name, *counts, quirk["meaning"], quirk["places"][0])
    console.print(quirks if summary["quirks"] else "no quirks\n")
    if summary["leaks"]:
        leaks = _table(
            "in two splits", "splits", "texts", "texts but for case and signs", "images", "such as"
        )
        for leak in summary["leaks"]:
            pair = " and ".join(leak["examples"][0]) if leak["examples"] else ""
            counts = (_cell(leak[name]) for name in ("texts", "texts_folded", "images"))
            leaks.add_row(" / ".join(leak["splits"]), *counts, pair)
        console.print(leaks)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 or column in _WORDS else "right")
    return table


_WORDS = ("what is done", "first seen", "such as")


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


main = Command(
    "pipelines.describe_dataset",
    "Describe a data set before evidence is sought for it.",
    DescribeOptions,
    run,
    examples=EXAMPLES,
)

if __name__ == "__main__":
    sys.exit(main())
