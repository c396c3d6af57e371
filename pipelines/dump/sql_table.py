"""Rows of a table of MediaWiki's database, as dumps hold them beside the articles: ``WIKI-DATE-TABLE.sql.gz``.

Such a file is what ``mysqldump`` writes: a ``CREATE TABLE``, then ``INSERT INTO`` statements of about a megabyte, each
on one line with thousands of rows. Strings stand in single quotes, and may hold any bytes; a backslash escapes
(MySQL Reference Manual, String Literals: https://dev.mysql.com/doc/refman/8.4/en/string-literals.html).
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from pipelines.dump.errors import DumpError

__all__ = ["Value", "read_sql_table"]

Value = int | float | bytes | None
"""A number, a string or a blob as bytes, or NULL."""

CHUNK = 1 << 20
LONGEST_ROW = 1 << 18
"""Bytes of a row at most; a blob has 64 KiB, twice that where every byte is escaped."""

_STRING = rb"(?:_binary )?'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'"
_VALUE = rb"(NULL|" + _STRING + rb"|0x[0-9A-Fa-f]+|[-+.\deE]+)"
_INSERT = re.compile(rb"INSERT INTO `([^`\n]{1,64})`(?: \([^)\n]{0,4096}\))? VALUES\s*", re.IGNORECASE)
_CREATE = re.compile(rb"CREATE TABLE (?:IF NOT EXISTS )?`([^`]{1,64})` \(", re.IGNORECASE)
_COLUMN = re.compile(rb"\s+`([^`]{1,64})` ")
_ESCAPE = re.compile(rb"\\(.)|''", re.DOTALL)
_ESCAPED = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}


def read_sql_table(
    path: Path,
    table: str,
    columns: Sequence[str],
    *,
    layout: Sequence[str],
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[Value, ...]]:
    """Yield the values of `columns` of every row of `table`, in the file's order. Memory stays bounded.

    Args:
        path: a ``.sql`` or ``.sql.gz`` file.
        table: the table's name; another table's file is refused.
        columns: those that are wanted.
        layout: the table's columns in their order, for a file without ``CREATE TABLE``.
        progress: is told of every piece of the file that was read, in bytes as they lie on the disk.

    Raises:
        DumpError: the file cannot be read, is damaged or cut off, or holds no such table; the place is named.
    """
    with _Source(path, progress) as source:
        names = list(layout)
        found = False
        while (line := source.line_start()) is not None:
            if (created := _CREATE.match(line)) is not None:
                if created[1] == table.encode():
                    names, found = _read_columns(source), True
                    _check_columns(path, table, columns, names)
                else:
                    source.skip_line()
            elif (insert := _INSERT.match(line)) is not None:
                if insert[1] != table.encode():
                    other = insert[1].decode(errors="replace")
                    raise DumpError(
                        f"{path}: holds the table {other}, not {table}; give the file *-{table}.sql.gz"
                    )
                found = True
                source.skip(insert.end())
                yield from _read_rows(source, names, columns)
            else:
                source.skip_line()
        if not found:
            raise DumpError(f"{path}: holds no table {table}; give the file *-{table}.sql.gz of the dump")


def _read_columns(source: _Source) -> list[str]:
    """Read the lines of a ``CREATE TABLE``; return the names of its columns."""
    names: list[str] = []
    source.skip_line()
    while (line := source.line_start()) is not None and not line.startswith(b")"):
        if (column := _COLUMN.match(line)) is not None:
            names.append(column[1].decode(errors="replace"))
        source.skip_line()
    return names


def _check_columns(path: Path, table: str, columns: Sequence[str], names: Sequence[str]) -> None:
    missing = [name for name in columns if name not in names]
    if missing:
        raise DumpError(
            f"{path}: the table {table} has no column {', '.join(missing)} (it has {', '.join(names)}); a MediaWiki"
            " of another age wrote it"
        )


def _read_rows(source: _Source, names: Sequence[str], columns: Sequence[str]) -> Iterator[tuple[Value, ...]]:
    """Yield the rows of one statement and read on behind it."""
    row = re.compile(rb"\(" + rb",".join([_VALUE] * len(names)) + rb"\)(?:(,)\s*|;)", re.DOTALL)
    places = [names.index(column) + 1 for column in columns]
    while True:
        match = row.match(source.buffer, source.position, source.position + LONGEST_ROW)
        if match is None:
            if source.left() > LONGEST_ROW or not source.more():
                raise DumpError(
                    f"{source.where()}: no row of {len(names)} values stands here, but"
                    f" {source.buffer[source.position : source.position + 40]!r}; the file is damaged or cut off:"
                    " download it again"
                )
            continue
        source.position = match.end()
        try:
            values = tuple(map(_value, match.group(*places)))
        except ValueError as error:
            raise DumpError(f"{source.where()}: {error}; the file is damaged: download it again") from error
        yield values
        if match[len(names) + 1] is None:
            return


def _value(token: bytes) -> Value:
    first = token[:1]
    if first == b"'" or first == b"_":
        text = token[token.index(b"'") + 1 : -1]
        return _ESCAPE.sub(_unescape, text) if b"\\" in text or b"''" in text else text
    if token == b"NULL":
        return None
    if token[:2] == b"0x":
        return bytes.fromhex(token[2:].decode())
    return int(token) if token.isdigit() else float(token)


def _unescape(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    return b"'" if escaped is None else _ESCAPED.get(escaped, escaped)


class _Source:
    """The file's text, a piece at a time."""

    def __init__(self, path: Path, progress: Callable[[int], None]) -> None:
        self.buffer = b""
        self.position = 0
        self._path = path
        self._progress = progress
        self._dropped = 0
        self._told = 0

    def __enter__(self) -> _Source:
        try:
            self._raw = self._path.open("rb")
        except OSError as error:
            raise DumpError(
                f"{self._path}: cannot be read ({error.strerror}); check the name of the file"
            ) from error
        zipped = self._raw.read(2) == b"\x1f\x8b"
        self._raw.seek(0)
        self._file: BinaryIO | gzip.GzipFile | io.BufferedReader = (
            gzip.GzipFile(fileobj=self._raw, mode="rb") if zipped else self._raw
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._raw.close()

    def more(self) -> bool:
        """Read another piece; tell whether there was one."""
        try:
            piece = self._file.read(CHUNK)
        except (OSError, EOFError, zlib.error) as error:
            raise DumpError(
                f"{self._path}: cannot be unpacked behind {self._size():,} bytes of text ({error}); the file is damaged"
                " or cut off: download it again"
            ) from error
        self._dropped += self.position
        self.buffer = self.buffer[self.position :] + piece
        self.position = 0
        place = self._raw.tell()
        self._progress(place - self._told)
        self._told = place
        return bool(piece)

    def left(self) -> int:
        """Return how many bytes were read and not taken."""
        return len(self.buffer) - self.position

    def line_start(self) -> bytes | None:
        """Return what a line begins with, enough of it to know what it is; None at the end."""
        while self.left() < 8192 and b"\n" not in self.buffer[self.position :] and self.more():
            pass
        return self.buffer[self.position : self.position + 8192] if self.left() else None

    def skip(self, size: int) -> None:
        """Take `size` bytes."""
        self.position += size

    def skip_line(self) -> None:
        """Take the rest of the line."""
        while (end := self.buffer.find(b"\n", self.position)) < 0:
            self.position = len(self.buffer)
            if not self.more():
                return
        self.position = end + 1

    def where(self) -> str:
        """Return the place, for a message."""
        return f"{self._path}: byte {self._dropped + self.position:,} of the text"

    def _size(self) -> int:
        return self._dropped + len(self.buffer)
