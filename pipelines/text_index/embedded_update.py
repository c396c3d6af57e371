"""Whether an embedded index is made from that of an older snapshot, or anew: whichever is cheaper, said in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from kc_schema.errors import UserError
from kc_schema.snapshot import Snapshot, checksum, open_snapshot
from pipelines.text_index.analysis import analyser_version
from pipelines.text_index.block_max.files import Arrays, Sizes, open_arrays
from pipelines.text_index.block_max.tokens import RowsBefore
from pipelines.text_index.changes import changed_ranges, count_changed_pages
from pipelines.text_index.embedded_files import EmbeddedDescription, index_folder, index_step

__all__ = ["MOST_CHANGED", "Update", "find_update"]

MOST_CHANGED = 0.7
"""Share of changed pages up to which words are taken from an older index (docs/performance.md)."""
_READ = frozenset(Arrays._fields) - {"dense", "holding"}
"""The arrays that an update reads."""


@dataclass(frozen=True, slots=True)
class Update:
    """What an index is made from, beside its snapshot."""

    folder: Path
    """The older index."""
    sizes: Sizes
    before: Mapping[Path, RowsBefore]
    """By part of the newer snapshot's table of sentences: where the older snapshot has its rows."""


def find_update(snapshot: Snapshot, older: Path) -> tuple[Update | None, str]:
    """Return what to start from in the snapshot in `older`, or None; and a line that says what is done, and why."""
    try:
        before = open_snapshot(older)
        found = _description(before)
        if found is None:
            return None, f"built anew: {older.name} has no index of this version"
        if found.analyser_version != analyser_version():
            return None, f"built anew: the index of {older.name} was made with another version of tantivy"
        changed, pages = count_changed_pages(before, snapshot), max(1, snapshot.manifest.rows("pages"))
        differ = f"{changed:,} of {pages:,} pages differ from {older.name}"
        if changed > MOST_CHANGED * pages:
            return None, f"built anew: {differ}, more than {100 * MOST_CHANGED:g}%"
        rows = _rows_before(before, snapshot)
        damaged = _find_damage(before, found, rows)
        if damaged is not None:
            return None, f"built anew: {damaged} is damaged"
        open_arrays(index_folder(before.folder), found.sizes)  # refuses sizes that are not the files'
    except (OSError, ValueError, UserError, pa.ArrowException) as error:
        return None, f"built anew: {older} cannot be read ({error})"
    return Update(index_folder(before.folder), found.sizes, rows), f"updated by page: {differ}"


def _description(snapshot: Snapshot) -> EmbeddedDescription | None:
    """Return what the index of a snapshot says, whichever sentences it holds."""
    folder = index_folder(snapshot.folder)
    steps = [index_step(snapshot, folder, with_apparatus=kept) for kept in (False, True)]
    return next((found for step in steps if (found := step.result()) is not None), None)


def _rows_before(before: Snapshot, snapshot: Snapshot) -> dict[Path, RowsBefore]:
    rows = {path: RowsBefore((), same=True) for path in snapshot.files("sentences")}
    for found in changed_ranges(before, snapshot, "sentences", rows_alone=True):
        files = tuple((before.folder / part.file).resolve() for part in found.older)
        rows |= {snapshot.folder / part.file: RowsBefore(files, same=False) for part in found.newer}
    return rows


def _find_damage(
    before: Snapshot, found: EmbeddedDescription, rows: Mapping[Path, RowsBefore]
) -> Path | None:
    """Return a file that an update would read and that is not as it was written."""
    index = index_folder(before.folder)
    expected = {index / part.file: part.sha256 for part in found.files if Path(part.file).stem in _READ}
    read = {path for each in rows.values() for path in each.files}
    for part in before.manifest.tables["sentences"]:
        path = (before.folder / part.file).resolve()
        if path in read:
            expected[path] = part.sha256
    return next((path for path, digest in expected.items() if checksum(path) != digest), None)
