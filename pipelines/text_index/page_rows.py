"""Rows of a table of the snapshot by id, page by page: some kilobytes are decompressed for a row, not a row group.

A column of a Parquet file is a sequence of pages, each compressed by itself. The index keeps where the pages of the
columns begin that a search reads; of a row, the page of its id and those of its columns are read. For pages as
`pipelines.text_corpus.part_files` writes them: plain values without levels, zstd
(https://parquet.apache.org/docs/file-format/data-pages/). Tables of earlier versions are read by
`kc_schema.store.Rows`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zstandard

from kc_schema.errors import UserError
from kc_schema.store import ByteRanges, local_copy, read_footer
from pipelines.text_index.block_max.kernels import bounds_of_string

__all__ = ["PAGES", "PageRows", "list_pages"]

PAGES = pa.schema(
    [
        pa.field("column", pa.string(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),
        pa.field("first_row", pa.int64(), nullable=False),
        pa.field("first_id", pa.int64(), nullable=False),
        pa.field("place", pa.int64(), nullable=False),
        pa.field("compressed", pa.int32(), nullable=False),
        pa.field("size", pa.int32(), nullable=False),
    ]
)
"""One row for each page: its first row over all parts (and that row's id, in the column of ids), where its compressed
bytes begin in the part's file, how many they are, and how many after decompression."""

Row = dict[str, Any]
Ids = npt.NDArray[np.int64]

_DATA_PAGE = 0
_PLAIN = 0
_LONGEST_HEADER = 1 << 12
_KEPT_PAGES = 4_096
_KEPT_FILES = 512
# Of a part in object storage: after so many pages all of it is fetched.
_RANGES_OF_A_FILE = 16


def list_pages(files: Sequence[Path], key: str, columns: Sequence[str]) -> pa.Table | None:
    """Return the `PAGES` of some columns of a table's parts; None where a page is not of the kind read here.

    Raises:
        UserError: a part that cannot be read.
    """
    found: list[tuple[str, int, int, int, int, int, int]] = []
    rows = 0
    for part, path in enumerate(files):
        try:
            metadata = read_footer(path)
            with local_copy(path).open("rb") as file:
                for group in range(metadata.num_row_groups):
                    size = metadata.row_group(group).num_rows
                    for name in (key, *columns):
                        chunk = metadata.row_group(group).column(metadata.schema.names.index(name))
                        first = rows
                        for page in _pages_of(file, chunk, size):
                            if page is None:
                                return None
                            values, place, compressed, plain = page
                            first_id = 0
                            if name == key:
                                file.seek(place)
                                first_id = int.from_bytes(
                                    _decompress(file.read(compressed), plain)[:8], "little", signed=True
                                )
                            found.append((name, part, first, first_id, place, compressed, plain))
                            first += values
                    rows += size
        except (OSError, ValueError, IndexError, pa.ArrowException, zstandard.ZstdError) as error:
            raise UserError(f"{path}: cannot be read ({error}); build it again") from error
    order = {name: place for place, name in enumerate((key, *columns))}
    found.sort(key=lambda page: order[page[0]])
    columns_of = list(zip(*found, strict=True)) or [() for _ in PAGES]
    arrays = [pa.array(values, field.type) for values, field in zip(columns_of, PAGES, strict=True)]
    return pa.table(arrays, schema=PAGES)


def _pages_of(file: Any, chunk: Any, rows: int) -> Iterator[tuple[int, int, int, int] | None]:
    """Yield values, place, compressed and plain size of a column's pages; None for one of another kind."""
    if chunk.compression != "ZSTD" or chunk.has_dictionary_page:
        yield None
        return
    place = chunk.data_page_offset
    while rows > 0:
        file.seek(place)
        header, length = _read_struct(file.read(_LONGEST_HEADER), 0)
        data = header.get(5)
        if header.get(1) != _DATA_PAGE or not isinstance(data, dict) or data.get(2) != _PLAIN or data[1] < 1:
            yield None
            return
        yield data[1], place + length, header[3], header[2]
        rows -= data[1]
        place += length + header[3]


def _read_struct(data: bytes, place: int) -> tuple[dict[int, Any], int]:
    """Read a structure in Thrift's compact protocol: its fields by number, and the place behind it.

    https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md; lists do not stand in the
    headers of data pages.

    Raises:
        ValueError: a type that is not expected there.
        IndexError: it does not end.
    """
    fields: dict[int, Any] = {}
    number = 0
    while True:
        byte = data[place]
        place += 1
        if byte == 0:
            return fields, place
        kind = byte & 15
        if byte >> 4:
            number += byte >> 4
        else:
            number, place = _read_number(data, place)
        if kind in (1, 2):
            fields[number] = kind == 1
        elif kind == 3:
            place += 1
        elif kind in (4, 5, 6):
            fields[number], place = _read_number(data, place)
        elif kind == 8:
            size, place = _read_varint(data, place)
            place += size
        elif kind == 12:
            fields[number], place = _read_struct(data, place)
        else:
            raise ValueError(f"a page header with a field of type {kind}")


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7


def _read_number(data: bytes, place: int) -> tuple[int, int]:
    value, place = _read_varint(data, place)
    return (value >> 1) ^ -(value & 1), place


class PageRows:
    """Fetches rows of one table; safe to use from several threads."""

    def __init__(self, files: Sequence[Path], columns: Sequence[str], *, key: str, pages: pa.Table) -> None:
        """Take note of the files; nothing is read yet.

        Args:
            files: the parts, in the order of their rows.
            columns: those that are wanted of a row, of text.
            key: the column of ids.
            pages: from `list_pages`.
        """
        self._files = list(files)
        self._columns = list(columns)
        self._key = key
        names = pages["column"].to_numpy(zero_copy_only=False)
        self._pages: Mapping[str, dict[str, npt.NDArray[Any]]] = {
            name: {
                field: pages[field].to_numpy()[names == name] for field in PAGES.names if field != "column"
            }
            for name in (key, *columns)
        }
        self._open = lru_cache(_KEPT_FILES)(partial(ByteRanges, copy_after=_RANGES_OF_A_FILE))
        self._page = lru_cache(_KEPT_PAGES)(self._read_page)

    def fetch(self, ids: Iterable[int]) -> dict[int, Row]:
        """Return the one row of every id.

        Raises:
            UserError: an id that the table does not have, or a part that cannot be read.
        """
        wanted = np.unique(np.fromiter(ids, np.int64))
        if not len(wanted):
            return {}
        rows = self._row_numbers(wanted)
        texts = [self._texts(column, rows) for column in self._columns]
        return {
            row_id: dict(zip(self._columns, values, strict=True))
            for row_id, *values in zip(wanted.tolist(), *texts, strict=True)
        }

    def _row_numbers(self, wanted: Ids) -> Ids:
        pages = self._pages[self._key]
        places = np.searchsorted(pages["first_id"], wanted, "right") - 1
        numbers = np.empty(len(wanted), np.int64)
        for at, (row_id, place) in enumerate(zip(wanted.tolist(), places.tolist(), strict=True)):
            ids = self._page(self._key, place).view(np.int64) if place >= 0 else np.empty(0, np.int64)
            row = int(ids.searchsorted(row_id))
            if row == len(ids) or ids[row] != row_id:
                raise UserError(
                    f"{self._files[0].parent}: no row with {self._key} {row_id}, which the index knows; build the"
                    " index again"
                )
            numbers[at] = pages["first_row"][place] + row
        return numbers

    def _texts(self, column: str, rows: Ids) -> list[str]:
        first_rows = self._pages[column]["first_row"]
        places = np.searchsorted(first_rows, rows, "right") - 1
        texts = []
        for place, number in zip(places.tolist(), (rows - first_rows[places]).tolist(), strict=True):
            page = self._page(column, place)
            start, end = bounds_of_string(page, number)
            if start < 0:
                raise self._unreadable(column, place, "a page that is cut off")
            texts.append(page[start:end].tobytes().decode())
        return texts

    def _read_page(self, column: str, place: int) -> npt.NDArray[np.uint8]:
        pages = self._pages[column]
        try:
            file = self._open(self._files[pages["part"][place]])
            data = file.read(int(pages["place"][place]), int(pages["compressed"][place]))
            return np.frombuffer(_decompress(data, int(pages["size"][place])), np.uint8)
        except (OSError, zstandard.ZstdError, ValueError) as error:
            raise self._unreadable(column, place, str(error)) from error

    def _unreadable(self, column: str, place: int, reason: str) -> UserError:
        path = self._files[self._pages[column]["part"][place]]
        return UserError(f"{path}: a page of {column} cannot be read: {reason}")


_LOCAL = threading.local()


def _decompress(data: bytes, size: int) -> bytes:
    """Return the bytes of a page.

    Raises:
        zstandard.ZstdError: they are damaged.
        ValueError: they are not as many as they should be.
    """
    if not hasattr(_LOCAL, "zstd"):
        _LOCAL.zstd = zstandard.ZstdDecompressor()
    plain: bytes = _LOCAL.zstd.decompress(data, max_output_size=size)
    if len(plain) != size:
        raise ValueError(f"{len(plain)} bytes in place of {size}")
    return plain
