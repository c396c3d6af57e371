"""Which file of a folder holds which split."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from pipelines.datasets.errors import DatasetError

__all__ = ["SPLITS", "find_split_files"]

SPLITS = ("train", "dev", "test")
"""Names of the splits, whatever the data set calls them."""

_NAMES = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "devel": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "testa": "dev",
    "test": "test",
    "testb": "test",
}
_FOLDERS = ("", "txt", "text", "data", "dataset")


def find_split_files(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Gives split -> file, for the splits that are there, in the order of `SPLITS`.

    A file belongs to the split that one of the words of its name says: ``valid.txt`` and ``mnre_val.txt`` are
    ``dev``. Files lie in `folder` itself or in its ``txt``, ``text``, ``data`` or ``dataset``.

    Raises:
        DatasetError: no folder, no such file, or two files for one split.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give the data set's folder with --data")
    for name in _FOLDERS:
        found = _files_in(folder / name, suffixes) if (folder / name).is_dir() else {}
        if found:
            return {split: found[split] for split in SPLITS if split in found}
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
    wanted = ", ".join(f"train{suffix}" for suffix in sorted(suffixes))
    raise DatasetError(
        f"{folder}: no file of a split ({wanted}, likewise dev/valid/val and test); it holds {there}"
    )


def _files_in(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes or not path.is_file():
            continue
        words = re.split(r"[^a-z]+", path.stem.lower())
        splits = {_NAMES[word] for word in words if word in _NAMES}
        if len(splits) != 1:
            continue
        split = splits.pop()
        if split in found:
            raise DatasetError(
                f"{folder}: both {found[split].name} and {path.name} look like the {split} split; keep one"
            )
        found[split] = path
    return found
