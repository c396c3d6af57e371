"""The command-line options that say which data set, the same for every command that reads one."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.datasets.errors import DatasetError
from pipelines.datasets.labels import SCHEMES
from pipelines.datasets.posts import Columns
from pipelines.datasets.reading import DATASETS, read_dataset
from pipelines.datasets.records import Dataset

__all__ = ["add_dataset_options", "read_chosen_dataset"]


def add_dataset_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    group = parser.add_argument_group("data set")
    group.add_argument("--dataset", required=True, choices=DATASETS, help="its name, or its format")
    group.add_argument("--data", required=True, metavar="DIR", help="the folder with its files, one a split")
    group.add_argument(
        "--images",
        metavar="DIR",
        help="the folder of its images, at any depth (default: the data set's folder)",
    )
    group.add_argument(
        "--token-column", type=int, metavar="N", help="conll: the token's column, from 0 (default: 0)"
    )
    group.add_argument(
        "--label-column",
        type=int,
        metavar="N",
        help="conll: the label's column, from 0, or from -1 counted from the last (default: -1)",
    )
    group.add_argument("--scheme", choices=SCHEMES, help="conll: how labels are written (default: bio)")


def read_chosen_dataset(arguments: argparse.Namespace) -> Dataset:
    """Reads the data set that the options name.

    Raises:
        DatasetError: it cannot be read, or options do not go together.
    """
    given = {
        "token": arguments.token_column,
        "label": arguments.label_column,
        "scheme": arguments.scheme,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    if changed and arguments.dataset != "conll":
        raise DatasetError(
            f"--token-column, --label-column and --scheme go with --dataset conll, not {arguments.dataset}"
        )
    columns = Columns(**changed) if changed else None
    return read_dataset(arguments.dataset, Path(arguments.data), columns=columns)
