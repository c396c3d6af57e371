"""Objects as files of Python: read by ranges, written whole when they are closed."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kc_schema.store.object_storage import Address, ObjectInfo, head, put_bytes, put_file, read_range

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["READ_AHEAD", "ObjectReader", "open_to_read", "open_to_write"]

READ_AHEAD = 1 << 20
"""Bytes that are asked for at least where an object is read in small pieces."""


class ObjectReader(io.RawIOBase):
    """An object as a file in which one can seek; every read is one request for exactly its range.

    Every range is asked of the version that was there when it was opened: an object that is replaced in the middle
    ends reading with a `ChangedObjectError`.
    """

    def __init__(self, address: Address) -> None:
        """Ask for the object's size and version.

        Raises:
            FileNotFoundError: there is none.
            ObjectStorageError: the request was refused or not answered.
        """
        super().__init__()
        self.address = address
        self.info: ObjectInfo = head(address)
        self._at = 0

    @property
    def name(self) -> str:
        """The address."""
        return str(self.address)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the byte at which reading goes on."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a byte counted from the start, from here or from the end; return it counted from the start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.info.bytes}[whence]
        if start + offset < 0:
            raise ValueError(f"{self.address}: seek before its start")
        self._at = start + offset
        return self._at

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset` on; fewer at the end alone."""
        end = min(offset + length, self.info.bytes)
        return read_range(self.address, offset, end, self.info.version) if offset < end else b""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, or all that follow."""
        data = self.read_at(self._at, self.info.bytes if size is None or size < 0 else size)
        self._at += len(data)
        return data

    def readall(self) -> bytes:
        """Return all that follows."""
        return self.read()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class _Upload(io.BufferedWriter):
    """A local file that becomes an object when it is closed without an error, and else goes."""

    def __init__(self, address: Address, file: Path, *, only_new: bool) -> None:
        super().__init__(io.FileIO(file, "w"))
        self._address = address
        self._file = file
        self._only_new = only_new
        self.given_up = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.given_up |= kind is not None
        super().__exit__(kind, error, trace)

    def __del__(self) -> None:
        self.given_up = True  # forgotten, not closed: nobody has said that it is whole
        with contextlib.suppress(Exception):
            self.close()

    def write(self, buffer: ReadableBuffer, /) -> int:
        """Write to the local file."""
        return super().write(buffer)

    def close(self) -> None:
        """Upload what was written."""
        if self.closed:
            return
        try:
            super().close()
            if self.given_up:
                return
            if self._only_new:
                put_bytes(self._address, self._file.read_bytes(), only_new=True)
            else:
                put_file(self._address, self._file)
        finally:
            self._file.unlink(missing_ok=True)


class _TextUpload(io.TextIOWrapper):
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        upload = self.buffer
        assert isinstance(upload, _Upload)
        upload.given_up |= kind is not None
        super().__exit__(kind, error, trace)


def open_to_read(
    address: Address,
    *,
    binary: bool,
    buffering: int,
    encoding: str | None,
    errors: str | None,
    newline: str | None,
) -> Any:
    """Return an object as a file to read, as `open` does."""
    reader = ObjectReader(address)
    if binary and buffering == 0:
        return reader
    buffered = io.BufferedReader(reader, buffering if buffering > 1 else READ_AHEAD)
    return buffered if binary else io.TextIOWrapper(buffered, encoding, errors, newline)


def open_to_write(
    address: Address,
    file: Path,
    *,
    binary: bool,
    only_new: bool,
    encoding: str | None,
    errors: str | None,
    newline: str | None,
) -> Any:
    """Return a file to write, as `open` does, that becomes the object when it is closed; `file` holds it until then."""
    upload = _Upload(address, file, only_new=only_new)
    return upload if binary else _TextUpload(upload, encoding, errors, newline)
