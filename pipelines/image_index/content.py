"""The bytes of images that were fetched: out of the archive of their part, or of the folder they are in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.files import write_atomically
from pipelines.image_index.layout import Layout

__all__ = ["PartContent", "write_archive_index"]

_SCHEMA = pa.schema([("image_id", pa.int64()), ("offset", pa.int64())])


class PartContent:
    """Reads the images of one part."""

    def __init__(self, layout: Layout, number: int) -> None:
        self._archive = layout.archive(number)
        self._index = layout.archive_index(number)
        self._offsets: dict[int, int] | None = None

    def read(self, record: Mapping[str, Any]) -> bytes:
        """Gives the bytes of a record's image.

        Raises:
            OSError: they cannot be read.
        """
        if record["url"].startswith("file:"):
            return Path(unquote(urlsplit(record["url"]).path)).read_bytes()
        if self._offsets is None:
            table = pq.read_table(self._index)
            self._offsets = dict(zip(table["image_id"].to_pylist(), table["offset"].to_pylist(), strict=True))
        with self._archive.open("rb") as file:
            file.seek(self._offsets[record["image_id"]])
            return file.read(record["bytes"])


def write_archive_index(layout: Layout, number: int, outcomes: Mapping[int, Mapping[str, Any]]) -> None:
    """Writes where the images of a part lie in its archive."""
    rows = sorted((image, row["offset"]) for image, row in outcomes.items() if row["bytes"])
    columns = [[image for image, _ in rows], [offset for _, offset in rows]]
    table = pa.table([pa.array(column, pa.int64()) for column in columns], schema=_SCHEMA)
    write_atomically(layout.archive_index(number), lambda path: pq.write_table(table, path))
