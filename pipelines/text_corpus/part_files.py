"""Parquet files of the tables: where they lie and how they are encoded."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.anchors import Anchor
from kc_schema.tables import TEXT_TABLES

__all__ = [
    "ROWS_PER_GROUP",
    "TAGGED_COLUMNS",
    "UNIT_TABLES",
    "anchor_lists",
    "open_writer",
    "part_path",
    "record_batch",
]

FINGERPRINT = b"fingerprint"

# Columns of few different values; a dictionary of whole texts would only cost time.
_DICTIONARY = ["title", "section", "kind", "place"]
_DELTA = ["page_id", "paragraph_id", "sentence_id", "position", "revision_id"]

_ANCHOR = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("title", pa.string())])
_ANCHORS = pa.field("anchors", pa.list_(_ANCHOR), nullable=False)
TAGGED_COLUMNS: Mapping[str, str] = {"pages": "introduction", "paragraphs": "text"}
"""The columns of the snapshot's tables that hold text with anchors as tags."""
UNIT_TABLES: Mapping[str, pa.Schema] = {
    table: schema.append(_ANCHORS) if table in TAGGED_COLUMNS else schema
    for table, schema in TEXT_TABLES.items()
}
"""The tables as work units leave them: plain text, and in the last column its anchors with unresolved titles."""

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


def open_writer(
    path: Path,
    table: str,
    *,
    fingerprint: str,
    compression: str = "zstd",
    schemas: Mapping[str, pa.Schema] = TEXT_TABLES,
) -> pq.ParquetWriter:
    """Open a Parquet file of `table` for writing; `fingerprint` goes into its metadata."""
    schema = schemas[table]
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
    """Return columns of Python values as a batch with the schema of the work units' table."""
    schema = UNIT_TABLES[table]
    arrays = [
        anchor_lists(columns[field.name])
        if field.name == "anchors"
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def anchor_lists(lists: list[list[Anchor]]) -> pa.ListArray:
    """Return lists of anchors as an Arrow array, built column by column."""
    anchors = list(chain.from_iterable(lists))
    columns = list(zip(*anchors, strict=True)) or [(), (), ()]
    values = pa.StructArray.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, _ANCHOR, strict=True)],
        fields=list(_ANCHOR),
    )
    offsets = pa.array(accumulate(map(len, lists), initial=0), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, type=_ANCHORS.type)
