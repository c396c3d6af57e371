"""The files of a data set: which holds which split, and their lines in UTF-8."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from pipelines.datasets.dataset import DatasetError, Quirks, malformed

__all__ = ["SPLITS", "find_split_files", "read_bytes", "read_lines"]

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
_FOLDERS = ("txt", "text", "data", "dataset")
_DEPTH = 3
"""Levels of folders that are looked through for a hint in an error."""


def find_split_files(folder: Path, suffixes: Collection[str], *, any_suffix: bool = False) -> dict[str, Path]:
    """Return split -> file, for the splits that are there, in the order of `SPLITS`.

    A file belongs to the split that one of the words of its name says: ``valid.txt``, ``mnre_val.txt`` and
    ``eng.testa`` are ``dev``. Files lie in `folder` itself, or in a folder of it with ``txt``, ``text``, ``data``
    or ``dataset`` among the words of its name (``mnre_txt``).

    Args:
        suffixes: of files that are looked at.
        any_suffix: whether the split may also be the suffix (``eng.train``) or the whole name (``train``).

    Raises:
        DatasetError: no folder, no such file, or two files for one split.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give the data set's folder with --data")
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    named = [path for name in _FOLDERS for path in inner if path.name == name]
    alike = [path for path in inner if path not in named and not _words(path.name).isdisjoint(_FOLDERS)]
    for place in (folder, *named, *alike):
        found = _files_in(place, suffixes, any_suffix)
        if found:
            return {split: found[split] for split in SPLITS if split in found}
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
    wanted = ", ".join(f"train{suffix}" for suffix in sorted(suffixes))
    below = _first_below(folder, suffixes, any_suffix)
    hint = "" if below is None else f"; there are such files in {below}: give it with --data"
    raise DatasetError(
        f"{folder}: no file of a split ({wanted}, likewise dev/valid/val and test); it holds {there}{hint}"
    )


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z]+", name.lower()))


def _files_in(folder: Path, suffixes: Collection[str], any_suffix: bool) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        split = _split_of(path.name, suffixes, any_suffix)
        if split is None or not path.is_file():
            continue
        if split in found:
            raise DatasetError(
                f"{folder}: both {found[split].name} and {path.name} look like the {split} split; keep one"
            )
        found[split] = path
    return found


def _split_of(name: str, suffixes: Collection[str], any_suffix: bool) -> str | None:
    stem, suffix = Path(name).stem.lower(), Path(name).suffix.lower()
    if suffix not in suffixes:
        if not any_suffix or (suffix[1:] or stem) not in _NAMES:
            return None
        stem = suffix[1:] or stem
    splits = {_NAMES[word] for word in _words(stem) if word in _NAMES}
    return splits.pop() if len(splits) == 1 else None


def _first_below(folder: Path, suffixes: Collection[str], any_suffix: bool) -> Path | None:
    level = [folder]
    for _ in range(_DEPTH):
        level = [path for parent in level for path in sorted(parent.iterdir()) if path.is_dir()]
        for path in level:
            names = (inner.name for inner in path.iterdir())
            if any(_split_of(name, suffixes, any_suffix) for name in names):
                return path
    return None


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error


def read_lines(path: Path, split: str, quirks: Quirks) -> Iterator[tuple[int, str]]:
    r"""Yield number (from 1) and text of every line, without its end.

    Lines end at ``\n`` and nowhere else: tokens may be U+0085 or U+2028, at which `str.splitlines` divides.

    Raises:
        DatasetError: the file cannot be read, or a line is not UTF-8.
    """
    content = read_bytes(path)
    if content.startswith(b"\xef\xbb\xbf"):
        content = content[3:]
        quirks.count("byte order mark", split, f"{path.name}: line 1")
    lines = content.split(b"\n")
    if lines[-1]:
        quirks.count("no newline at the end of the file", split, f"{path.name}: line {len(lines)}")
    else:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        if line.endswith(b"\r"):
            line = line[:-1]
            quirks.count("Windows line ends", split, f"{path.name}: line {number}")
        try:
            yield number, line.decode()
        except UnicodeDecodeError as error:
            reason = f"byte {error.start + 1} is not UTF-8 ({error.reason}); convert the file to UTF-8"
            raise malformed(path, number, reason) from error
