"""Bytes of a file from any place on, for readers that jump: by `os.pread` here, by kept pieces of an object."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kc_schema.store.local_copies import copy_of_version
from kc_schema.store.object_files import ObjectReader
from kc_schema.store.object_path import ObjectPath

__all__ = ["ByteRanges"]

_PIECE = 4 << 20
_KEPT_PIECES = 6
_AT_ONCE = 16


class ByteRanges:
    """An open file of which any range can be read; closed by `close` or at the end of a ``with`` block.

    Of an object, pieces of 4 MB are fetched and the last few kept: reading on, or again near by, asks for nothing.
    """

    def __init__(self, path: Path, *, copy_after: int | None = None) -> None:
        """Open the file.

        Args:
            copy_after: for reading here and there: of an object, exactly what is asked for is fetched, and after so
                many requests a local copy of the whole.

        Raises:
            OSError: it cannot be opened.
        """
        self._path = path
        self._copy_after = copy_after
        self._requests = 0
        self._reader: ObjectReader | None = None
        self._descriptor = -1
        self._pieces: OrderedDict[int, bytes] = OrderedDict()
        self._guard = threading.Lock()
        if isinstance(path, ObjectPath):
            self._reader = ObjectReader(path.address)
            self.size = self._reader.info.bytes
        else:
            self._descriptor = os.open(path, os.O_RDONLY)
            self.size = os.fstat(self._descriptor).st_size

    def __enter__(self) -> ByteRanges:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_pieces"):
            self.close()

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        self._pieces.clear()

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on; fewer at the end of the file alone.

        Raises:
            OSError: they cannot be read.
        """
        if self._descriptor >= 0:
            return os.pread(self._descriptor, length, offset)
        assert self._reader is not None, "the file is closed"
        if self._copy_after is None:
            return self._from_pieces(offset, min(offset + length, self.size))
        with self._guard:
            self._requests += 1
            if self._requests <= self._copy_after:
                return self._reader.read_at(offset, length)
            if self._descriptor < 0:
                self._descriptor = os.open(
                    copy_of_version(self._reader.address, self._reader.info), os.O_RDONLY
                )
        return os.pread(self._descriptor, length, offset)

    def read_several(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of ranges far apart, each an offset and a length; of an object, many are asked for at once.

        Raises:
            OSError: they cannot be read.
        """
        if self._reader is None:
            return [self.read(offset, length) for offset, length in ranges]
        reader = self._reader
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return list(threads.map(lambda wanted: reader.read_at(*wanted), ranges))

    def _from_pieces(self, offset: int, end: int) -> bytes:
        numbers = range(offset // _PIECE, (end + _PIECE - 1) // _PIECE) if offset < end else range(0)
        found = [self._piece(number) for number in numbers]
        start = offset % _PIECE
        whole = found[0] if len(found) == 1 else b"".join(found)
        return whole[start : start + max(end - offset, 0)]

    def _piece(self, number: int) -> bytes:
        assert self._reader is not None
        with self._guard:
            if number not in self._pieces:
                self._pieces[number] = self._reader.read_at(number * _PIECE, _PIECE)
                if len(self._pieces) > _KEPT_PIECES:
                    self._pieces.popitem(last=False)
            self._pieces.move_to_end(number)
            return self._pieces[number]
