"""Rows of a table in several Parquet files, by their number over all of the files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.retrieval.errors import RetrievalError

__all__ = ["NumberedRows"]


class NumberedRows:
    """Reads rows by number; a row group is read once a call, whatever is wanted of it."""

    def __init__(self, files: Sequence[Path], columns: Sequence[str]) -> None:
        """Reads the files' footers.

        Raises:
            RetrievalError: a file that cannot be read.
        """
        self._columns = list(columns)
        self._groups: list[tuple[Path, int]] = []
        sizes = [0]
        for path in files:
            try:
                metadata = pq.read_metadata(path)
            except (OSError, pa.ArrowException) as error:
                raise RetrievalError(f"{path}: cannot be read: {error}") from error
            for group in range(metadata.num_row_groups):
                self._groups.append((path, group))
                sizes.append(metadata.row_group(group).num_rows)
        self._starts = np.cumsum(sizes)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def fetch(self, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Gives number -> row.

        Raises:
            RetrievalError: a file that cannot be read.
            IndexError: a number that no row has.
        """
        wanted = np.unique(np.fromiter(numbers, np.int64))
        if wanted.size and not 0 <= wanted[0] <= wanted[-1] < len(self):
            raise IndexError(f"rows {wanted[0]} to {wanted[-1]} of {len(self)}")
        places = np.searchsorted(self._starts, wanted, side="right") - 1
        found: dict[int, dict[str, Any]] = {}
        for place in np.unique(places).tolist():
            path, group = self._groups[place]
            chosen = wanted[places == place]
            try:
                with pq.ParquetFile(path) as file:
                    table = file.read_row_group(group, columns=self._columns)
            except (OSError, pa.ArrowException) as error:
                raise RetrievalError(f"{path}: row group {group} cannot be read: {error}") from error
            rows = table.take(pa.array(chosen - self._starts[place])).to_pylist()
            found.update(zip(chosen.tolist(), rows, strict=True))
        return found
