"""Rows of a snapshot's table by id, read from its Parquet parts: nothing is stored twice.

The parts ascend by id, so the first and last id of every row group (8 bytes each, from the files' statistics)
say where a row is. Row groups that were read are kept for a while, up to a number of bytes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.text_index.protocol import TextIndexError

__all__ = ["RowGroups", "RowLookup", "list_row_groups"]

RowGroups = pa.schema(
    [
        pa.field("part", pa.int32(), nullable=False),
        pa.field("row_group", pa.int32(), nullable=False),
        pa.field("first_id", pa.int64(), nullable=False),
        pa.field("last_id", pa.int64(), nullable=False),
    ]
)
"""One row for each row group of a table, in the order of the ids."""

_OPEN_FILES = 32
_KEPT_BYTES = 64 << 20


def list_row_groups(files: Sequence[Path], key: str) -> pa.Table:
    """Gives the `RowGroups` of a table's parts; `key` is the column by which its rows ascend.

    Raises:
        TextIndexError: a part without statistics of its key, or ids that do not ascend.
    """
    rows: list[tuple[int, int, int, int]] = []
    for part, path in enumerate(files):
        metadata = pq.read_metadata(path)
        column = metadata.schema.names.index(key)
        for group in range(metadata.num_row_groups):
            if metadata.row_group(group).num_rows == 0:
                continue
            statistics = metadata.row_group(group).column(column).statistics
            if statistics is None or not statistics.has_min_max:
                raise TextIndexError(
                    f"{path}: row group {group} has no statistics of {key}; build the snapshot again"
                )
            if rows and statistics.min <= rows[-1][3]:
                raise TextIndexError(
                    f"{path}: row group {group} does not ascend by {key}; build the snapshot again"
                )
            rows.append((part, group, statistics.min, statistics.max))
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, RowGroups, strict=True)], schema=RowGroups)


class RowLookup:
    """Fetches rows of one table by id; safe to use from several threads."""

    def __init__(self, files: Sequence[Path], key: str, columns: Sequence[str], groups: pa.Table) -> None:
        self._files = list(files)
        self._key = key
        self._columns = list(columns)
        self._part = groups["part"].to_numpy()
        self._group = groups["row_group"].to_numpy()
        self._first = groups["first_id"].to_numpy()
        self._last = groups["last_id"].to_numpy()
        self._lock = threading.Lock()
        self._opened: OrderedDict[int, pq.FileMetaData] = OrderedDict()
        self._kept: OrderedDict[int, pa.Table] = OrderedDict()
        self.kept_bytes = 0

    def fetch(
        self, ids: Iterable[int], apply: Callable[..., Iterable[Any]] = map
    ) -> dict[int, dict[str, Any]]:
        """Gives the rows with these ids as dictionaries of `columns`; `apply` is `map` or an executor's.

        Raises:
            TextIndexError: an id that the table does not have, or a part that cannot be read.
        """
        wanted = np.unique(np.fromiter(ids, np.int64))
        places = np.searchsorted(self._last, wanted)
        by_group = [(int(place), wanted[places == place]) for place in np.unique(places)]
        found: dict[int, dict[str, Any]] = {}
        for rows in apply(self._rows, by_group):
            found.update(rows)
        return found

    def _rows(self, request: tuple[int, np.ndarray[Any, np.dtype[np.int64]]]) -> dict[int, dict[str, Any]]:
        place, ids = request
        if place == len(self._last) or ids[0] < self._first[place]:
            raise self._missing(int(ids[0]))
        table = self._row_group(place)
        keys = table[self._key].to_numpy()
        positions = np.searchsorted(keys, ids)
        if (wrong := np.flatnonzero(keys[np.minimum(positions, len(keys) - 1)] != ids)).size:
            raise self._missing(int(ids[wrong[0]]))
        rows = table.select(self._columns).take(pa.array(positions)).to_pylist()
        return dict(zip(ids.tolist(), rows, strict=True))

    def _missing(self, row_id: int) -> TextIndexError:
        folder = self._files[0].parent if self._files else "the table"
        return TextIndexError(
            f"{folder}: no row with {self._key} {row_id}, which the index knows; build the index again"
        )

    def _row_group(self, place: int) -> pa.Table:
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
        part, group = int(self._part[place]), int(self._group[place])
        path = self._files[part]
        try:
            with pq.ParquetFile(path, metadata=self._metadata(part)) as file:
                table = file.read_row_group(group, columns=[self._key, *self._columns], use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise TextIndexError(f"{path}: row group {group} cannot be read: {error}") from error
        with self._lock:
            if place not in self._kept:
                self._kept[place] = table
                self.kept_bytes += table.nbytes
                for dropped in self._too_much():
                    self.kept_bytes -= dropped.nbytes
        return table

    def _too_much(self) -> Iterator[pa.Table]:
        while self.kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            yield self._kept.popitem(last=False)[1]

    def _metadata(self, part: int) -> pq.FileMetaData:
        """The footer of a part, which takes longer to parse than a row group takes to read."""
        with self._lock:
            if part in self._opened:
                self._opened.move_to_end(part)
                return self._opened[part]
        metadata = pq.read_metadata(self._files[part])
        with self._lock:
            self._opened[part] = metadata
            if len(self._opened) > _OPEN_FILES:
                self._opened.popitem(last=False)
        return metadata
