"""The rows of a snapshot that go into an index: no text twice, and apparatus only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.snapshot import Snapshot
from kc_schema.store import as_path, list_row_groups, open_parquet
from kc_schema.tables import APPARATUS

__all__ = ["LeftOut", "count_indexed", "left_out_files"]

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The files that tell which rows of a part, or of a table, an index does not hold."""

    paragraphs: tuple[str, ...] = ()
    """Of the table of paragraphs, where apparatus is left out."""
    repeats: tuple[str, ...] = ()
    """Of the table of repeats, where sentences are looked at."""

    def __bool__(self) -> bool:
        return bool(self.paragraphs or self.repeats)

    def columns(self) -> list[str]:
        """Return the columns of a row by which it is known."""
        known = [("paragraph_id", self.paragraphs), ("sentence_id", self.repeats)]
        return [name for name, files in known if files]

    def filter(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches, which ascend, without the rows that are left out."""
        known = [
            ("paragraph_id", _ListedIds(self.paragraphs, "paragraph_id", kind=APPARATUS)),
            ("sentence_id", _ListedIds(self.repeats, "sentence_id")),
        ]
        for batch in batches:
            for name, listed in known:
                if listed.files and len(batch):
                    batch = batch.filter(pa.array(~listed.contains(batch[name].to_numpy())))
            yield batch


def count_indexed(snapshot: Snapshot, table: str, *, with_apparatus: bool) -> int:
    """Return how many rows of ``paragraphs`` or ``sentences`` an index holds.

    A snapshot of an earlier version counts neither apparatus nor repeats, and all of its rows are indexed.
    """
    counts = snapshot.manifest.counts
    rows = snapshot.manifest.rows(table)
    if table == "sentences":
        rows -= snapshot.manifest.rows("repeats")
    if not with_apparatus:
        rows -= counts.get(f"{APPARATUS} {table}", 0)
        if table == "sentences":
            rows += counts.get(f"repeats in {APPARATUS}", 0)
    return rows


def left_out_files(
    snapshot: Snapshot, table: str, *, with_apparatus: bool, part: str | None = None
) -> LeftOut:
    """Return what tells which rows of ``paragraphs`` or ``sentences`` an index does not hold.

    Args:
        part: the path in the snapshot of the one part that is looked at; None for the whole table.
    """
    apparatus = not with_apparatus and snapshot.manifest.counts.get(f"{APPARATUS} {table}", 0)
    return LeftOut(
        _files(snapshot, "paragraphs", part) if apparatus else (),
        _files(snapshot, "repeats", part) if table == "sentences" else (),
    )


def _files(snapshot: Snapshot, table: str, part: str | None) -> tuple[str, ...]:
    """Return the files of a table that may tell of the rows of a part."""
    files = snapshot.files(table)
    # The parts of one number hold the same pages, where a build of the corpus wrote them.
    paragraphs = {path.name for path in snapshot.files("paragraphs")}
    if part is not None and (name := Path(part).name) in paragraphs:
        files = [path for path in files if path.name == name]
    return tuple(str(path.resolve()) for path in files)


class _ListedIds:
    """Ids in the rows of a table, looked up in its parts in ascending order."""

    def __init__(self, files: Sequence[str], key: str, *, kind: str | None = None) -> None:
        """Take note of the files; of `kind` alone the rows count, where it is given."""
        self.files = [as_path(file) for file in files]
        self._key = key
        self._kind = kind
        groups = list_row_groups(self.files, key)
        self._parts: Ids = groups["part"].to_numpy()
        self._numbers: Ids = groups["row_group"].to_numpy()
        self._first: Ids = groups["first_id"].to_numpy()
        self._last: Ids = groups["last_id"].to_numpy()
        self._read: dict[int, Ids] = {}
        self._open: tuple[int, pq.ParquetFile] | None = None

    def contains(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """Tell of every id, which ascend, whether a row has it."""
        start = int(np.searchsorted(self._last, ids[0]))
        end = int(np.searchsorted(self._first, ids[-1], "right"))
        self._read = {
            place: self._read[place] if place in self._read else self._ids_in(place)
            for place in range(start, end)
        }
        listed = np.concatenate([np.empty(0, np.int64), *self._read.values()])
        if not len(listed):
            return np.zeros(len(ids), bool)
        places = np.minimum(np.searchsorted(listed, ids), len(listed) - 1)
        found: npt.NDArray[np.bool_] = listed[places] == ids
        return found

    def _ids_in(self, place: int) -> Ids:
        part = int(self._parts[place])
        if self._open is None or self._open[0] != part:
            if self._open is not None:
                self._open[1].close()
            self._open = part, open_parquet(self.files[part])
        columns = [self._key] if self._kind is None else [self._key, "kind"]
        rows = self._open[1].read_row_group(int(self._numbers[place]), columns=columns, use_threads=False)
        if self._kind is not None:
            rows = rows.filter(pc.equal(rows["kind"], self._kind))
        ids: Ids = rows[self._key].to_numpy()
        return ids
