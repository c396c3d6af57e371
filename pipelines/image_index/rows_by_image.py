"""Rows of a table by image: the part follows from the id, the row group from the part's statistics."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.image_tables import part_number
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.layout import Layout

__all__ = ["RowsByImage"]

_KEPT_GROUPS = 256
_OPEN_PARTS = 1024

Ids = npt.NDArray[np.int64]


class RowsByImage:
    """Fetches the rows of one table that belong to an image; safe to use from several threads."""

    def __init__(self, layout: Layout, table: str, columns: Sequence[str], part_bits: int) -> None:
        self._layout = layout
        self._table = table
        self._columns = list(columns)
        self._part_bits = part_bits
        self._lock = threading.Lock()
        self._footers: OrderedDict[int, tuple[pq.FileMetaData, Ids, Ids]] = OrderedDict()
        self._groups: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()

    def fetch(self, images: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
        """Gives the rows of every image, in the table's order; an image that has none has no entry.

        Raises:
            ImageIndexError: a part that cannot be read.
        """
        found: dict[int, list[dict[str, Any]]] = {}
        # In the order of ids, so that a row group is read once however many images lie in it.
        for image in sorted(set(images)):
            rows = self._rows(image)
            if rows:
                found[image] = rows
        return found

    def _rows(self, image: int) -> list[dict[str, Any]]:
        part = part_number(image, self._part_bits)
        _, first, last = self._footer(part)
        rows: list[dict[str, Any]] = []
        for group in range(int(np.searchsorted(last, image)), int(np.searchsorted(first, image, "right"))):
            table = self._group(part, group)
            ids = table["image_id"].to_numpy()
            start, end = np.searchsorted(ids, image), np.searchsorted(ids, image, "right")
            rows += table.slice(int(start), int(end - start)).select(self._columns).to_pylist()
        return rows

    def _footer(self, part: int) -> tuple[pq.FileMetaData, Ids, Ids]:
        """The footer of a part, and the first and last id of each of its row groups."""
        with self._lock:
            if part in self._footers:
                self._footers.move_to_end(part)
                return self._footers[part]
        path = self._path(part)
        try:
            metadata = pq.read_metadata(path)
            column = metadata.schema.names.index("image_id")
            statistics = [
                metadata.row_group(group).column(column).statistics
                for group in range(metadata.num_row_groups)
                if metadata.row_group(group).num_rows
            ]
        except (OSError, ValueError, pa.ArrowException) as error:
            raise ImageIndexError(f"{path}: cannot be read ({error}); build the images again") from error
        first = np.array([s.min for s in statistics], np.int64)
        last = np.array([s.max for s in statistics], np.int64)
        with self._lock:
            self._footers[part] = (metadata, first, last)
            if len(self._footers) > _OPEN_PARTS:
                self._footers.popitem(last=False)
            return metadata, first, last

    def _group(self, part: int, group: int) -> pa.Table:
        with self._lock:
            if (part, group) in self._groups:
                self._groups.move_to_end((part, group))
                return self._groups[part, group]
        path = self._path(part)
        columns = list(dict.fromkeys(["image_id", *self._columns]))
        try:
            with pq.ParquetFile(path, metadata=self._footer(part)[0]) as file:
                table = file.read_row_group(group, columns=columns, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise ImageIndexError(f"{path}: row group {group} cannot be read: {error}") from error
        with self._lock:
            self._groups[part, group] = table
            if len(self._groups) > _KEPT_GROUPS:
                self._groups.popitem(last=False)
        return table

    def _path(self, part: int) -> Path:
        return self._layout.part(self._table, part)
