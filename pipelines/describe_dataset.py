"""Describes a data set: sizes, labels, oddities, and texts that stand in two splits.

python -m pipelines.describe_dataset --dataset twitter17 --data data/twitter17
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.command_line import CommandParser
from pipelines.datasets.errors import DatasetError
from pipelines.datasets.images import ImageFolder, keep_readable_images
from pipelines.datasets.options import add_dataset_options, read_chosen_dataset
from pipelines.datasets.summary import summarise
from pipelines.engine import Progress

EXAMPLE = """\
examples:
  python -m pipelines.describe_dataset --dataset twitter17 --data data/twitter17
  python -m pipelines.describe_dataset --dataset mnre --data data/mnre --images data/mnre/img_org --json
  python -m pipelines.describe_dataset --dataset conll --data data/conll2003 --scheme iob1
"""


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Gives the command's options."""
    parser = CommandParser(
        "pipelines.describe_dataset",
        "Print sizes, labels, quirks and leaks between splits of a data set.",
        EXAMPLE,
    )
    add_dataset_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments = parse_arguments(argv)
    try:
        dataset = read_chosen_dataset(arguments)
        folder = ImageFolder(Path(arguments.images or arguments.data))
        if len(folder) or arguments.images:
            console = Console(stderr=True)
            with Progress(console, "Look at images", len(folder), unit="images") as progress:
                keep_readable_images(dataset, folder, lambda done, _: progress.show(done))
        summary = {**summarise(dataset), "image_files": len(folder)}
    except DatasetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        show(Console(), summary)
    return 0


def show(console: Console, summary: dict[str, Any]) -> None:
    """Prints the summary as tables."""
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


if __name__ == "__main__":
    sys.exit(main())
