"""Reads a data set by its name."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from kc_schema.retrieval_cache import Example
from pipelines.datasets.errors import DatasetError
from pipelines.datasets.json_lines import read_json_lines
from pipelines.datasets.mnre import read_mnre
from pipelines.datasets.posts import IMAGE_POSTS, Columns, read_posts
from pipelines.datasets.quirks import Quirks
from pipelines.datasets.records import Dataset
from pipelines.datasets.split_files import find_split_files
from pipelines.datasets.wikidiverse import read_wikidiverse

__all__ = ["DATASETS", "read_dataset"]

_POSTS = (".txt", ".conll", ".bio", ".iob", ".iob2", ".bioes", ".tsv")
_SUFFIXES = {
    "twitter15": _POSTS,
    "twitter17": _POSTS,
    "snap": _POSTS,
    "wikidiverse": (".json",),
    "mnre": (".txt", ".jsonl", ".json"),
    "conll": _POSTS,
    "jsonl": (".jsonl",),
}
DATASETS = tuple(_SUFFIXES)
"""The names of the data sets and formats that can be read."""


def read_dataset(name: str, folder: Path | str, *, columns: Columns | None = None) -> Dataset:
    """Reads all the splits of a data set that its folder holds.

    Args:
        name: one of `DATASETS`.
        folder: its folder, with a file a split.
        columns: for ``conll`` only: where its files keep what.

    Raises:
        DatasetError: an unknown name, no files, or a malformed one; file, line and reason are named.
    """
    if name not in DATASETS:
        raise DatasetError(f"data set {name!r} is unknown; known are {', '.join(DATASETS)}")
    if columns is not None and name != "conll":
        raise DatasetError(f"columns and scheme are given, and {name} has its own; they are for conll")
    if name == "conll":
        columns = columns or Columns()
    files = find_split_files(Path(folder), _SUFFIXES[name])
    dataset = Dataset(name, "ner", files, {}, Quirks(), None if columns is None else asdict(columns))
    for split, path in files.items():
        dataset.splits[split] = _read(dataset, path, split, columns)
        _check_characters(path, dataset.splits[split])
    tasks = {examples[0].task for examples in dataset.splits.values()}
    if len(tasks) > 1:
        raise DatasetError(f"{folder}: labels in one split and relations in another; keep them apart")
    dataset.task = tasks.pop()
    for split, examples in dataset.splits.items():
        _count_duplicates(dataset, split, examples)
    return dataset


def _read(dataset: Dataset, path: Path, split: str, columns: Columns | None) -> list[Example]:
    quirks = dataset.quirks
    if dataset.name == "wikidiverse":
        return read_wikidiverse(path, split, quirks, dataset.other_image_names)
    if dataset.name == "mnre":
        return read_mnre(path, split, quirks)
    if dataset.name == "jsonl":
        return read_json_lines(path, split, quirks)
    return read_posts(path, split, columns or IMAGE_POSTS, quirks)


def _check_characters(path: Path, examples: list[Example]) -> None:
    """Refuses lone surrogates, which JSON can spell and no table can hold."""
    for example in examples:
        try:
            "".join((*example.tokens, *(example.labels or ()), example.image or "")).encode()
        except UnicodeEncodeError as error:
            raise DatasetError(
                f"{path}: example {example.example_id}: {error.object[error.start]!a} is no character but half of"
                " one (a lone surrogate); write the whole character"
            ) from error


def _count_duplicates(dataset: Dataset, split: str, examples: list[Example]) -> None:
    first: dict[object, Example] = {}
    for example in examples:
        earlier = first.setdefault((example.tokens, example.subject, example.object), example)
        if earlier is example:
            continue
        same = (earlier.labels, earlier.relation) == (example.labels, example.relation)
        place = f"examples {earlier.example_id} and {example.example_id}"
        dataset.quirks.count("duplicate" if same else "duplicate with other labels", split, place)
