"""The rows of a snapshot that go into an index: all of them, or all but what stands in sections of apparatus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.snapshot import Snapshot
from kc_schema.store import list_row_groups
from kc_schema.tables import APPARATUS

__all__ = ["Apparatus", "count_indexed", "indexed_batches"]

Ids = npt.NDArray[np.int64]

_KEY = "paragraph_id"


def count_indexed(snapshot: Snapshot, table: str, *, with_apparatus: bool) -> int:
    """Return how many rows of ``paragraphs`` or ``sentences`` an index holds.

    A snapshot of an earlier version counts no apparatus, and has none.
    """
    rows = snapshot.manifest.rows(table)
    return rows if with_apparatus else rows - snapshot.manifest.counts.get(f"{APPARATUS} {table}", 0)


def indexed_batches(
    snapshot: Snapshot,
    table: str,
    columns: Sequence[str],
    *,
    with_apparatus: bool,
    rows: int = 1 << 14,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of ``paragraphs`` or ``sentences`` that an index holds, in order, at most `rows` at a time."""
    if with_apparatus or not snapshot.manifest.counts.get(f"{APPARATUS} {table}", 0):
        yield from snapshot.batches(table, columns, rows=rows)
        return
    apparatus = Apparatus(snapshot.files("paragraphs"))
    for batch in snapshot.batches(table, [*columns, *([] if _KEY in columns else [_KEY])], rows=rows):
        yield apparatus.without(batch).select(list(columns))


class Apparatus:
    """Which paragraphs of a snapshot are apparatus; looked up in the parts themselves, in the order of the ids."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Take note of the table's parts, or of those that hold what will be asked for."""
        self._files = list(files)
        groups = list_row_groups(self._files, _KEY)
        self._parts: Ids = groups["part"].to_numpy()
        self._numbers: Ids = groups["row_group"].to_numpy()
        self._first: Ids = groups["first_id"].to_numpy()
        self._last: Ids = groups["last_id"].to_numpy()
        self._read: dict[int, Ids] = {}
        self._open: tuple[int, pq.ParquetFile] | None = None

    def without(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch, which ascend by the id of their paragraph, that are no apparatus."""
        ids = batch[_KEY].to_numpy()
        if not len(ids):
            return batch
        start = int(np.searchsorted(self._last, ids[0]))
        end = int(np.searchsorted(self._first, ids[-1], "right"))
        self._read = {
            place: self._read[place] if place in self._read else self._apparatus_in(place)
            for place in range(start, end)
        }
        found = np.concatenate([np.empty(0, np.int64), *self._read.values()])
        return batch.filter(pa.array(~np.isin(ids, found))) if len(found) else batch

    def _apparatus_in(self, place: int) -> Ids:
        part = int(self._parts[place])
        if self._open is None or self._open[0] != part:
            if self._open is not None:
                self._open[1].close()
            self._open = part, pq.ParquetFile(self._files[part])
        rows = self._open[1].read_row_group(
            int(self._numbers[place]), columns=[_KEY, "kind"], use_threads=False
        )
        ids: Ids = rows.filter(pc.equal(rows["kind"], APPARATUS))[_KEY].to_numpy()
        return ids
