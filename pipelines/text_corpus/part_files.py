"""Parquet files of the tables: where they lie and how they are encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.tables import TEXT_TABLES

__all__ = ["ROWS_PER_GROUP", "open_writer", "part_path", "record_batch"]

FINGERPRINT = b"fingerprint"

# Columns of few different values; a dictionary of whole texts would only cost time.
_DICTIONARY = ["title", "section", "kind", "place"]
_DELTA = ["page_id", "paragraph_id", "sentence_id", "position", "revision_id"]

ROWS_PER_GROUP = {
    "pages": 4096,
    "redirects": 1 << 16,
    "paragraphs": 1024,
    "sentences": 2048,
    "image_links": 1 << 16,
}
"""Rows of a row group. A search fetches paragraphs and sentences one by one, by id, so their groups are small."""


def part_path(folder: Path, table: str, number: int) -> Path:
    """Return the path of a table's part in a snapshot."""
    return folder / table / f"part-{number:05d}.parquet"


def open_writer(path: Path, table: str, *, fingerprint: str, compression: str = "zstd") -> pq.ParquetWriter:
    """Open a Parquet file of `table` for writing; `fingerprint` goes into its metadata."""
    schema = TEXT_TABLES[table]
    names = schema.names
    return pq.ParquetWriter(
        path,
        schema.with_metadata({FINGERPRINT: fingerprint.encode()}),
        compression=compression,
        use_dictionary=[name for name in _DICTIONARY if name in names],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in _DELTA if name in names},
        write_statistics=[name for name in names if name in _DELTA or name == "from_title"],
    )


def record_batch(table: str, columns: dict[str, list[Any]]) -> pa.RecordBatch:
    """Return columns of Python values as a batch with the table's schema."""
    schema = TEXT_TABLES[table]
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name], field.type) for field in schema], schema=schema
    )
