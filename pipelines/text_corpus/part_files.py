"""Parquet files of the tables: where they lie, how they are encoded, and where a table is cut into parts.

A part's bytes depend on its rows alone, and the cuts on the ids of the pages alone: so two snapshots of one wiki
have the same files where their pages are the same, and share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
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
    "pages_per_part",
    "part_path",
    "part_starts",
    "record_batch",
    "write_rows",
]

Ids = npt.NDArray[np.int64]

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

_LOOKED_UP = {"paragraphs": ("paragraph_id", "title", "section"), "sentences": ("sentence_id",)}
"""Columns of the snapshot's tables that a search reads row by row, beside the texts: values as they are."""
_PAGE_BYTES = 8192
_ROWS_LOOKED_AT = 8
"""Rows between two looks at the size of a page."""

ROWS_PER_GROUP = {
    "pages": 4096,
    "redirects": 1 << 16,
    "paragraphs": 1024,
    "sentences": 2048,
    "image_links": 1 << 16,
}
"""Rows of a row group. A search fetches paragraphs and sentences one by one, by id, so their groups are small."""


PARTS = 256
"""Parts that a table has at least, where they have pages enough: the fewer pages a part has, the more of a snapshot
is shared with the next one, and the more files there are."""
FEWEST_PAGES, MOST_PAGES = 256, 4096
_LONGEST = 4


def part_path(folder: Path, table: str, number: int) -> Path:
    """Return the path of a table's part in a snapshot."""
    return folder / table / f"part-{number:05d}.parquet"


def open_writer(
    path: Path,
    table: str,
    *,
    compression: str = "zstd",
    schemas: Mapping[str, pa.Schema] = TEXT_TABLES,
) -> pq.ParquetWriter:
    """Open a Parquet file of `table` for writing."""
    schema = schemas[table]
    names = schema.names
    # In a snapshot a search decompresses a page for a row, not a row group.
    looked_up = _LOOKED_UP.get(table, ()) if schemas is TEXT_TABLES else ()
    pages = {"data_page_size": _PAGE_BYTES, "write_batch_size": _ROWS_LOOKED_AT} if looked_up else {}
    coded = [name for name in names if name not in looked_up]
    return pq.ParquetWriter(
        path,
        schema,
        compression=compression,
        use_dictionary=[name for name in _DICTIONARY if name in coded],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in _DELTA if name in coded},
        **pages,
        write_statistics=[name for name in names if name in _DELTA or name == "from_title"],
    )


def write_rows(path: Path, table: str, rows: pa.Table) -> None:
    """Write the rows of a part of the snapshot; the same rows give the same bytes."""
    with open_writer(path, table) as writer:
        # In one piece: how rows lie in memory would show in the file.
        writer.write_table(rows.combine_chunks(), row_group_size=ROWS_PER_GROUP[table])


def pages_per_part(pages: int) -> int:
    """Return how many pages a part has on average, in a snapshot of so many: a power of two.

    The cuts for one power are among those for the lower one.
    """
    wanted = pages // PARTS
    return int(min(max(1 << wanted.bit_length() - 1 if wanted else 1, FEWEST_PAGES), MOST_PAGES))


def part_starts(page_ids: Ids, mean: int) -> list[int]:
    """Return the places in `page_ids`, which ascend, at which a part starts; the first is 0.

    Whether a page starts a part is a matter of its own id, so that a page which is added or removed changes the
    part that it lies in, and at most the one before. Parts of many more pages than `mean` are cut further, by
    the same rule.
    """
    if not len(page_ids):
        return []
    # Multiplication by 2^64 over the golden ratio scatters successive numbers evenly (Knuth, vol. 3, 6.4).
    scattered = page_ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    starts: list[int] = []

    def cut(first: int, end: int, mean: int) -> None:
        inside = np.flatnonzero(scattered[first:end] < np.uint64((1 << 64) // mean - 1)) + first
        edges = [first, *(int(place) for place in inside if place > first), end]
        for one, following in pairwise(edges):
            if following - one > _LONGEST * mean and mean > 1:
                cut(one, following, mean // 2)
            else:
                starts.append(one)

    cut(0, len(page_ids), mean)
    return starts


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
