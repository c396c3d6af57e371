"""Parquet files opened where they lie: of an object, footer and row groups are fetched by ranges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from kc_schema.store.local_copies import kept_copy
from kc_schema.store.object_files import ObjectReader
from kc_schema.store.object_path import ObjectPath, as_path

__all__ = ["open_parquet", "read_footer", "read_parquet"]


def open_parquet(path: Path | str, *, metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
    """Return a Parquet file opened for reading; `metadata` is its footer, where that was read before.

    Of an object in storage, only the row groups and columns that are asked for are fetched.

    Raises:
        OSError: the file cannot be opened.
        pyarrow.ArrowException: it is no Parquet.
    """
    source = _source(path)
    return pq.ParquetFile(source, metadata=metadata, pre_buffer=isinstance(source, ObjectReader))


def read_footer(path: Path | str) -> pq.FileMetaData:
    """Return the footer of a Parquet file; errors as of `open_parquet`."""
    return pq.read_metadata(_source(path))


def read_parquet(path: Path | str, *, columns: Sequence[str] | None = None) -> Any:
    """Return the whole table of a Parquet file, or some columns of it; errors as of `open_parquet`."""
    with open_parquet(path) as file:
        return file.read(columns=None if columns is None else list(columns))


def _source(path: Path | str) -> Any:
    place = as_path(path)
    if not isinstance(place, ObjectPath):
        return place
    reader = ObjectReader(place.address)
    return kept_copy(place.address, reader.info) or reader
