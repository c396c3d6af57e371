"""Rows of Parquet parts by their id or by their number, without an index of their own.

The parts' rows ascend by the id, so the first and last id of every row group (from the files' statistics) say
where a row is. Row groups and footers that were read are kept for a while, up to a number of bytes and files.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.errors import UserError
from kc_schema.store.parquet import open_parquet, read_footer

__all__ = ["ROW_GROUPS", "Row", "Rows", "list_row_groups"]

ROW_GROUPS = pa.schema(
    [
        pa.field("part", pa.int32(), nullable=False),
        pa.field("row_group", pa.int32(), nullable=False),
        pa.field("first_id", pa.int64(), nullable=False),
        pa.field("last_id", pa.int64(), nullable=False),
    ]
)
"""One row for each row group of a table that is not empty, in the order of the ids."""

Row = dict[str, Any]
Ids = npt.NDArray[np.int64]

_KEPT_BYTES = 64 << 20
_KEPT_FOOTERS = 1024


def list_row_groups(files: Sequence[Path], key: str, *, unique: bool = True) -> pa.Table:
    """Return the `ROW_GROUPS` of a table's parts; `key` is the column by which its rows ascend.

    Args:
        unique: whether no id stands in two row groups.

    Raises:
        UserError: a part that cannot be read, without statistics of its key, or with ids that do not ascend.
    """
    rows: list[tuple[int, int, int, int]] = []
    for part, path in enumerate(files):
        for group, first, last in _bounds(path, _read_footer(path), key):
            if rows and (first < rows[-1][3] or (unique and first == rows[-1][3])):
                raise UserError(f"{path}: row group {group} does not ascend by {key}; build it again")
            rows.append((part, group, first, last))
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, ROW_GROUPS, strict=True)], schema=ROW_GROUPS
    )


class Rows:
    """Fetches rows of one table; safe to use from several threads."""

    def __init__(
        self,
        files: Sequence[Path],
        columns: Sequence[str],
        *,
        key: str = "",
        groups: pa.Table | None = None,
        part_of: Callable[[int], int] | None = None,
        kept_bytes: int = _KEPT_BYTES,
    ) -> None:
        """Take note of the files; footers are read when they are needed.

        Args:
            files: the parts, in the order of their rows.
            columns: those that are wanted of a row.
            key: the column by which the rows ascend; needed by `fetch` and `fetch_all`, not by `take`.
            groups: the `ROW_GROUPS` where they were listed before; read from the footers otherwise.
            part_of: gives the number of the part for an id, where that is known: footers are then read one by one.
            kept_bytes: memory for row groups that may be asked for again.
        """
        self._files = list(files)
        self._columns = list(columns)
        self._key = key
        self._groups = groups
        self._all_bounds: tuple[Ids, Ids, Ids, Ids] | None = None
        self._part_of = part_of
        self._most_bytes = kept_bytes
        self._lock = threading.Lock()
        self._footers: OrderedDict[int, pq.FileMetaData] = OrderedDict()
        self._bounds_of: OrderedDict[int, tuple[Ids, Ids, Ids]] = OrderedDict()
        self._kept: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()
        self.kept_bytes = 0
        """Bytes of the row groups that are kept now."""
        self._starts: Ids | None = None
        self._numbered: list[tuple[int, int]] = []

    def fetch(self, ids: Iterable[int], apply: Callable[..., Iterable[Any]] = map) -> dict[int, Row]:
        """Return the one row of every id; `apply` is `map` or an executor's.

        Raises:
            UserError: an id that the table does not have, or a part that cannot be read.
        """
        found: dict[int, Row] = {}
        for rows in apply(self._one_each, self._by_group(ids)):
            found.update(rows)
        return found

    def fetch_all(self, ids: Iterable[int]) -> dict[int, list[Row]]:
        """Return all rows of every id, in the table's order; an id that has none has no entry.

        Raises:
            UserError: a part that cannot be read.
        """
        found: dict[int, list[Row]] = {}
        for row_id in sorted(set(ids)):
            rows: list[Row] = []
            part, groups, first, last = self._bounds_for(row_id)
            places = range(int(np.searchsorted(last, row_id)), int(np.searchsorted(first, row_id, "right")))
            for place in places:
                table = self._row_group(int(part[place]), int(groups[place]))
                keys = table[self._key].to_numpy()
                start, end = np.searchsorted(keys, row_id), np.searchsorted(keys, row_id, "right")
                rows += table.slice(int(start), int(end - start)).select(self._columns).to_pylist()
            if rows:
                found[row_id] = rows
        return found

    def __len__(self) -> int:
        """Return the number of rows over all parts."""
        return int(self._first_numbers()[-1])

    def take(self, numbers: Iterable[int]) -> dict[int, Row]:
        """Return rows by their number over all parts, from 0.

        Raises:
            UserError: a part that cannot be read.
            IndexError: a number that no row has.
        """
        starts = self._first_numbers()
        wanted = np.unique(np.fromiter(numbers, np.int64))
        if wanted.size and not 0 <= wanted[0] <= wanted[-1] < len(self):
            raise IndexError(f"rows {wanted[0]} to {wanted[-1]} of {len(self)}")
        places = np.searchsorted(starts, wanted, side="right") - 1
        found: dict[int, Row] = {}
        for place in np.unique(places).tolist():
            chosen = wanted[places == place]
            table = self._row_group(*self._numbered[place]).select(self._columns)
            rows = table.take(pa.array(chosen - starts[place])).to_pylist()
            found.update(zip(chosen.tolist(), rows, strict=True))
        return found

    def _by_group(self, ids: Iterable[int]) -> Iterator[tuple[int, int, Ids]]:
        """Yield part, row group and the ids that lie in it."""
        wanted = np.unique(np.fromiter(ids, np.int64))
        if self._part_of is None:
            yield from self._by_listed_group(wanted)
            return
        while wanted.size:
            part, groups, first, last = self._bounds_for(int(wanted[0]))
            place = int(np.searchsorted(last, wanted[0]))
            if place == len(last) or wanted[0] < first[place]:
                raise self._missing(int(wanted[0]))
            inside = int(np.searchsorted(wanted, last[place], "right"))
            yield int(part[place]), int(groups[place]), wanted[:inside]
            wanted = wanted[inside:]

    def _by_listed_group(self, wanted: Ids) -> Iterator[tuple[int, int, Ids]]:
        """Do what `_by_group` does with all bounds at hand: one search for all ids."""
        part, groups, first, last = self._listed_bounds()
        places, starts = np.unique(np.searchsorted(last, wanted), return_index=True)
        ends = [*starts[1:].tolist(), len(wanted)]
        for place, start, end in zip(places.tolist(), starts.tolist(), ends, strict=False):
            ids = wanted[start:end]
            if place == len(last) or ids[0] < first[place]:
                raise self._missing(int(ids[0]))
            yield int(part[place]), int(groups[place]), ids

    def _one_each(self, request: tuple[int, int, Ids]) -> dict[int, Row]:
        part, group, ids = request
        table = self._row_group(part, group)
        keys = table[self._key].to_numpy()
        positions = np.searchsorted(keys, ids)
        if (wrong := np.flatnonzero(keys[np.minimum(positions, len(keys) - 1)] != ids)).size:
            raise self._missing(int(ids[wrong[0]]))
        rows = table.select(self._columns).take(pa.array(positions)).to_pylist()
        return dict(zip(ids.tolist(), rows, strict=True))

    def _missing(self, row_id: int) -> UserError:
        folder = self._files[0].parent if self._files else "the table"
        return UserError(
            f"{folder}: no row with {self._key} {row_id}, which the index knows; build the index again"
        )

    def _bounds_for(self, row_id: int) -> tuple[Ids, Ids, Ids, Ids]:
        """Return part, row group, first and last id of the row groups among which an id lies."""
        if self._part_of is None:
            return self._listed_bounds()
        part_number = self._part_of(row_id)
        with self._lock:
            known = self._bounds_of.get(part_number)
        if known is None:
            path = self._files[part_number]
            bounds = list(_bounds(path, self._footer(part_number), self._key))
            columns = [np.array(column, np.int64) for column in zip(*bounds, strict=True)]
            known = (columns[0], columns[1], columns[2]) if columns else (_NONE, _NONE, _NONE)
            with self._lock:
                self._bounds_of[part_number] = known
                if len(self._bounds_of) > _KEPT_FOOTERS:
                    self._bounds_of.popitem(last=False)
        return np.full(len(known[0]), part_number), *known

    def _listed_bounds(self) -> tuple[Ids, Ids, Ids, Ids]:
        """Return part, row group, first and last id of all row groups."""
        if self._all_bounds is None:
            groups = self._groups
            if groups is None:
                groups = list_row_groups(self._files, self._key, unique=False)
            part, group, first, last = (groups[name].to_numpy() for name in ROW_GROUPS.names)
            self._all_bounds = part, group, first, last
        return self._all_bounds

    def _first_numbers(self) -> Ids:
        if self._starts is None:
            sizes = [0]
            for part in range(len(self._files)):
                metadata = self._footer(part)
                for group in range(metadata.num_row_groups):
                    self._numbered.append((part, group))
                    sizes.append(metadata.row_group(group).num_rows)
            self._starts = np.cumsum(sizes)
        return self._starts

    def _row_group(self, part: int, group: int) -> pa.Table:
        with self._lock:
            if (part, group) in self._kept:
                self._kept.move_to_end((part, group))
                return self._kept[part, group]
        path = self._files[part]
        columns = list(dict.fromkeys([*([self._key] if self._key else []), *self._columns]))
        try:
            with open_parquet(path, metadata=self._footer(part)) as file:
                table = file.read_row_group(group, columns=columns, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{path}: row group {group} cannot be read: {error}") from error
        with self._lock:
            if (part, group) not in self._kept:
                self._kept[part, group] = table
                self.kept_bytes += table.nbytes
                while self.kept_bytes > self._most_bytes and len(self._kept) > 1:
                    self.kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        return table

    def _footer(self, part: int) -> pq.FileMetaData:
        """The footer of a part, which takes longer to parse than a row group takes to read."""
        with self._lock:
            if part in self._footers:
                self._footers.move_to_end(part)
                return self._footers[part]
        metadata = _read_footer(self._files[part])
        with self._lock:
            self._footers[part] = metadata
            if len(self._footers) > _KEPT_FOOTERS:
                self._footers.popitem(last=False)
        return metadata


_NONE: Ids = np.empty(0, np.int64)


def _read_footer(path: Path) -> pq.FileMetaData:
    try:
        return read_footer(path)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read ({error}); build it again") from error


def _bounds(path: Path, metadata: pq.FileMetaData, key: str) -> Iterator[tuple[int, int, int]]:
    """Yield number, first and last id of the row groups of a file that hold rows."""
    try:
        column = metadata.schema.names.index(key)
    except ValueError as error:
        raise UserError(f"{path}: has no column {key}; build it again") from error
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        if not rows.num_rows:
            continue
        statistics = rows.column(column).statistics
        if statistics is None or not statistics.has_min_max:
            raise UserError(f"{path}: row group {group} has no statistics of {key}; build it again")
        yield group, statistics.min, statistics.max
