"""Reads a data set by its name, or as the options of a command name it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from kc_schema.command import options
from kc_schema.retrieval_cache import NO_RELATION, Example
from kc_schema.store import as_path
from pipelines.datasets.conll import IMAGE_POSTS, read_posts
from pipelines.datasets.dataset import Columns, Dataset, DatasetError, Quirks
from pipelines.datasets.files import find_split_files
from pipelines.datasets.json_lines import read_json_lines
from pipelines.datasets.labels import find_no_relation
from pipelines.datasets.mnre import read_mnre
from pipelines.datasets.wikidiverse import read_wikidiverse

__all__ = ["DATASETS", "DatasetOptions", "read_dataset"]

Name = Literal["twitter15", "twitter17", "snap", "wikidiverse", "mnre", "conll", "jsonl"]
DATASETS: tuple[str, ...] = get_args(Name)
"""The names of the data sets and formats that can be read."""

_POSTS = (".txt", ".conll", ".bio", ".iob", ".iob2", ".bioes", ".bmes", ".bilou", ".tsv", ".annotated")
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "wikidiverse": (".json",),
    "mnre": (".txt", ".jsonl", ".json"),
    "jsonl": (".jsonl",),
}

logger = logging.getLogger(__name__)


@options
@dataclass(frozen=True, kw_only=True)
class DatasetOptions:
    """Which data set, the same for every command that reads one."""

    dataset: Name
    """Its name, or its format."""
    data: Path
    """The folder with its files, one a split."""
    images: Path | None = None
    """The folder of its images, at any depth. [default: the data set's folder]"""
    token_column: int | None = None
    """conll: the token's column, from 0. [default: 0]"""
    label_column: int | None = None
    """conll: the label's column, from 0, or from -1 counted from the last. [default: -1]"""
    scheme: Literal["bio", "bioes", "iob1", "bmes", "bilou"] | None = None
    """conll: how labels are written. [default: bio]"""
    no_relation: str | None = None
    """Relations: the label of no relation, left out of F1. [default: None, no_relation, NA, Other or the like]"""

    @property
    def image_folder(self) -> Path:
        """The folder in which images are looked for."""
        return self.images or self.data

    def read(self) -> Dataset:
        """Read the data set.

        Raises:
            DatasetError: it cannot be read, or options do not go together.
        """
        given = (self.token_column, self.label_column, self.scheme)
        columns = None
        if given != (None, None, None):
            if self.dataset != "conll":
                raise DatasetError(
                    f"--token-column, --label-column and --scheme go with --dataset conll, not {self.dataset}"
                )
            columns = Columns(
                token=self.token_column or 0,
                label=-1 if self.label_column is None else self.label_column,
                scheme=self.scheme or "bio",
            )
        return read_dataset(self.dataset, self.data, columns=columns, no_relation=self.no_relation)


def read_dataset(
    name: str, folder: Path | str, *, columns: Columns | None = None, no_relation: str | None = None
) -> Dataset:
    """Read all the splits of a data set that its folder holds.

    Args:
        name: one of `DATASETS`.
        folder: its folder, with a file a split.
        columns: for ``conll`` only: where its files keep what.
        no_relation: the relation that stands for none; None looks for a usual name of it.

    Raises:
        DatasetError: an unknown name, no files, or a malformed one; file, line and reason are named.
    """
    if name not in DATASETS:
        raise DatasetError(f"data set {name!r} is unknown; known are {', '.join(DATASETS)}")
    if columns is not None and name != "conll":
        raise DatasetError(f"columns and scheme are given, and {name} has its own; they are for conll")
    if name == "conll":
        columns = columns or Columns()
    files = find_split_files(as_path(folder), _SUFFIXES.get(name, _POSTS), any_suffix=name not in _SUFFIXES)
    dataset = Dataset(name, "ner", files, {}, Quirks(), columns)
    for split, path in files.items():
        dataset.splits[split] = _read(dataset, path, split)
        _check_characters(path, dataset.splits[split])
    tasks = {examples[0].task for examples in dataset.splits.values()}
    if len(tasks) > 1:
        raise DatasetError(f"{folder}: labels in one split and relations in another; keep them apart")
    dataset.task = tasks.pop()
    if "train" in dataset.unlabelled:
        raise DatasetError(
            f"{files['train']}: no labels, which training needs; give what is to be labelled as test"
        )
    _name_no_relation(dataset, no_relation)
    for split, examples in dataset.splits.items():
        _count_duplicates(dataset, split, examples)
    return dataset


def _read(dataset: Dataset, path: Path, split: str) -> list[Example]:
    quirks = dataset.quirks
    if dataset.name == "wikidiverse":
        return read_wikidiverse(path, split, quirks, dataset.other_image_names)
    if dataset.name == "mnre":
        return read_mnre(path, split, quirks)
    if dataset.name == "jsonl":
        return read_json_lines(path, split, quirks)
    return read_posts(path, split, dataset.columns or IMAGE_POSTS, quirks)


def _check_characters(path: Path, examples: list[Example]) -> None:
    """Refuse lone surrogates, which JSON can spell and no table can hold."""
    for example in examples:
        try:
            "".join((*example.tokens, *(example.labels or ()), example.image or "")).encode()
        except UnicodeEncodeError as error:
            raise DatasetError(
                f"{path}: example {example.example_id}: {error.object[error.start]!a} is no character but half of"
                " one (a lone surrogate); write the whole character"
            ) from error


def _name_no_relation(dataset: Dataset, wanted: str | None) -> None:
    """Note which relation stands for none; a note says so where that is not plain.

    Raises:
        DatasetError: `wanted` is no relation of the data set, or it has no relations.
    """
    if dataset.task != "re":
        if wanted is not None:
            raise DatasetError(f"--no-relation {wanted}: {dataset.name} has labels of tokens, not relations")
        return
    bare = dataset.unlabelled
    relations = {
        str(example.relation)
        for split, examples in dataset.splits.items()
        if split not in bare
        for example in examples
    }
    if wanted is not None and relations and wanted not in relations:
        known = ", ".join(sorted(relations)[:10])
        raise DatasetError(f"--no-relation {wanted}: no example has this relation; there are {known}")
    dataset.no_relation = wanted if wanted is not None else find_no_relation(relations)
    if dataset.no_relation is None and relations:
        logger.warning(
            "none of the %d relations stands for no relation by its name, so all of them count in F1; if one does,"
            " name it with --no-relation LABEL",
            len(relations),
        )
    elif dataset.no_relation not in (wanted, NO_RELATION, None):
        logger.warning(
            "the relation %s is taken for no relation and left out of F1; --no-relation LABEL names another",
            dataset.no_relation,
        )
    for split in bare:
        relation = dataset.no_relation or NO_RELATION
        dataset.splits[split] = [replace(example, relation=relation) for example in dataset.splits[split]]


def _count_duplicates(dataset: Dataset, split: str, examples: list[Example]) -> None:
    first: dict[object, Example] = {}
    for example in examples:
        earlier = first.setdefault((example.tokens, example.subject, example.object), example)
        if earlier is example:
            continue
        same = (earlier.labels, earlier.relation) == (example.labels, example.relation)
        place = f"examples {earlier.example_id} and {example.example_id}"
        dataset.quirks.count("duplicate" if same else "duplicate with other labels", split, place)
