"""Where the page index keeps what.

::

    kc/page_index/manifest.json             the snapshot that it belongs to, and its parts; written last
    kc/page_index/titles/part-00000.parquet     titles of pages and redirects -> where they lead
    kc/page_index/redirects/part-00000.parquet  title of a page -> titles that lead to it
    kc/page_index/links/part-00000.parquet      title of a page -> pages whose anchors lead to it

All rows ascend by the hash of a title, whose first bits say in which part a row lies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from kc_schema.store import Part, Rows

__all__ = [
    "FOLDER",
    "FORMAT",
    "MANIFEST",
    "SCHEMAS",
    "PageIndexManifest",
    "part_path",
    "rows_of",
    "title_id",
]

FORMAT = 1
"""Raised when the tables change, so that an older index is made again."""
FOLDER = "page_index"
MANIFEST = "manifest.json"
_ID_BITS = 63

SCHEMAS = {
    "titles": pa.schema(
        [
            pa.field("title_id", pa.int64(), nullable=False),
            pa.field("title", pa.string(), nullable=False),
            pa.field("page_id", pa.int64(), nullable=False),
            pa.field("to_title", pa.string(), nullable=False),
        ]
    ),
    "redirects": pa.schema(
        [
            pa.field("title_id", pa.int64(), nullable=False),
            pa.field("from_title", pa.string(), nullable=False),
        ]
    ),
    "links": pa.schema(
        [
            pa.field("title_id", pa.int64(), nullable=False),
            pa.field("page_id", pa.int64(), nullable=False),
            pa.field("anchors", pa.int64(), nullable=False),
        ]
    ),
}
"""The tables. A redirect has the page_id -1, a page an empty to_title. All titles are normalised."""


@dataclass(frozen=True)
class PageIndexManifest:
    """What the index holds."""

    inputs: str
    """Fingerprint of the snapshot and of the index's version."""
    bits: dict[str, int]
    """Table -> so many bits of the id number its parts."""
    parts: dict[str, list[Part]]


def title_id(title: str) -> int:
    """Return the id of a normalised title: the first 63 bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(title.encode()).digest()[:8], "big") >> 1


def part_number_of(row_id: int, bits: int) -> int:
    """Return the number of the part, of ``2 ** bits``, that holds the rows of an id."""
    return row_id >> (_ID_BITS - bits)


def part_path(folder: Path, table: str, number: int) -> Path:
    """Return the path of a part of a table."""
    return folder / table / f"part-{number:05d}.parquet"


def rows_of(folder: Path, manifest: PageIndexManifest, table: str, columns: Sequence[str]) -> Rows:
    """Return the rows of a table, to be fetched by the id of a title."""
    bits = manifest.bits[table]
    files = [folder / part.file for part in manifest.parts[table]]
    return Rows(files, columns, key="title_id", part_of=lambda row_id: part_number_of(row_id, bits))
