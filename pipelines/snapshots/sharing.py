"""Files that two snapshots have in common lie on the disk once, under two names (hard links).

In object storage every snapshot has its own: an object has one name, and a folder that refers to another's objects
could not be copied or removed by itself.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from pathlib import Path

from kc_schema.snapshot import read_manifest
from kc_schema.store import ObjectPath, replacing

__all__ = ["can_share", "share_files", "share_tables"]


def can_share(folder: Path) -> bool:
    """Tell whether files in a folder may have second names."""
    return not isinstance(folder, ObjectPath)


def share_tables(older: Path, newer: Path) -> tuple[int, int]:
    """Let parts of two snapshots' tables with the same bytes be one file, whatever their numbers.

    Returns:
        Bytes of the newer snapshot's tables, and how many of them lie in files of the older.
    """
    parts = [
        {
            (table, part.sha256): part
            for table, parts in read_manifest(folder).tables.items()
            for part in parts
        }
        for folder in (older, newer)
    ]
    pairs = ((older / parts[0][key].file, newer / parts[1][key].file) for key in parts[1] if key in parts[0])
    shared = _share(pairs)
    return sum(part.bytes for part in parts[1].values()), shared


def share_files(older: Path, newer: Path) -> int:
    """Let files of two finished folders with one path and the same bytes be one file; return the bytes shared."""
    if not can_share(newer):
        return 0
    return _share(
        (older / path.relative_to(newer), path)
        for path in sorted(newer.rglob("*"))
        if path.is_file() and not path.is_symlink()
    )


def _share(pairs: Iterator[tuple[Path, Path]]) -> int:
    """Let the second file of each pair be the first, where their bytes are the same; return the bytes shared."""
    shared = 0
    for twin, path in pairs:
        if not twin.is_file() or twin.is_symlink():
            continue
        if not path.samefile(twin):
            if not filecmp.cmp(path, twin, shallow=False):
                continue
            try:
                with replacing(path) as temporary:
                    os.link(twin, temporary)
            except OSError:  # another file system, or one without links: two files, then
                return shared
        shared += path.stat().st_size
    return shared
