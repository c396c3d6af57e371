"""Bytes of a file from any place on, for readers that jump: by `os.pread` here, by kept pieces of an object."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path

from kc_schema.store.object_files import ObjectReader
from kc_schema.store.object_path import ObjectPath

__all__ = ["ByteRanges"]

_PIECE = 4 << 20
_KEPT_PIECES = 6


class ByteRanges:
    """An open file of which any range can be read; closed by `close` or at the end of a ``with`` block.

    Of an object, pieces of 4 MB are fetched and the last few kept: reading on, or again near by, asks for nothing.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened.
        """
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

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._pieces.clear()

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on; fewer at the end of the file alone.

        Raises:
            OSError: they cannot be read.
        """
        if self._reader is None:
            return os.pread(self._descriptor, length, offset)
        end = min(offset + length, self.size)
        numbers = range(offset // _PIECE, (end + _PIECE - 1) // _PIECE) if offset < end else range(0)
        found = [self._piece(number) for number in numbers]
        if len(found) == 1:
            start = offset - numbers[0] * _PIECE
            return found[0][start : start + end - offset]
        whole = b"".join(found)
        start = offset % _PIECE
        return whole[start : start + end - offset]

    def _piece(self, number: int) -> bytes:
        assert self._reader is not None
        with self._guard:
            if number not in self._pieces:
                self._pieces[number] = self._reader.read_at(number * _PIECE, _PIECE)
                if len(self._pieces) > _KEPT_PIECES:
                    self._pieces.popitem(last=False)
            self._pieces.move_to_end(number)
            return self._pieces[number]
