"""A file of a dump on its way: what has come of it stays when the command is stopped, and its checksum decides.

On a disk it grows under its name. In object storage, where nothing grows, it comes as pieces, objects named by the byte
at which each begins; when all are there they become one object, which appears only if its checksum fits.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from kc_schema.store import ObjectPath, remove

__all__ = ["Arrival", "Grows", "arrival", "bytes_arrived"]

_PIECE_BYTES = 16 << 20
_BLOCK = 1 << 20


class Grows(Protocol):
    """What bytes are appended to."""

    def write(self, data: bytes, /) -> object:
        """Append bytes."""


class Arrival(ABC):
    """One file that is being brought; what has come is kept at the end of a ``with`` block, also behind an error."""

    def __enter__(self) -> Arrival:
        return self

    def __exit__(self, *error: object) -> None:
        self.keep()

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes have come."""

    @abstractmethod
    def clear(self) -> None:
        """Throw away what has come."""

    @abstractmethod
    @contextmanager
    def growing(self) -> Iterator[Grows]:
        """Give the block what it may append to."""

    @abstractmethod
    def keep(self) -> None:
        """Make what has come survive this process."""

    @abstractmethod
    def finish(self, algorithm: str, checksum: str) -> bool:
        """Tell whether the whole file has a checksum; in object storage it appears then."""


class _FileArrival(Arrival):
    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)

    @contextmanager
    def growing(self) -> Iterator[BinaryIO]:
        with self._path.open("ab") as file:
            yield file

    def keep(self) -> None:
        pass  # it lies on the disk

    def finish(self, algorithm: str, checksum: str) -> bool:
        digest = hashlib.new(algorithm, usedforsecurity=False)
        with self._path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest() == checksum


class _ObjectArrival(Arrival):
    def __init__(self, pieces: ObjectPath, path: ObjectPath) -> None:
        self._folder = pieces
        self._path = path
        self._pieces: list[ObjectPath] = []
        self._kept = 0
        self._new = bytearray()
        for piece, size in sorted(pieces.file_sizes().items()):
            if piece.name != _piece_name(self._kept):
                break  # the one before it never came
            self._pieces.append(piece)
            self._kept += size

    @property
    def size(self) -> int:
        return self._kept + len(self._new)

    def clear(self) -> None:
        remove(self._folder)
        self._pieces, self._kept, self._new = [], 0, bytearray()

    @contextmanager
    def growing(self) -> Iterator[Grows]:
        yield self

    def write(self, data: bytes) -> None:
        """Append bytes; a piece is written when it is large enough."""
        self._new += data
        if len(self._new) >= _PIECE_BYTES:
            self.keep()

    def keep(self) -> None:
        if not self._new:
            return
        piece = ObjectPath(f"{self._folder}/{_piece_name(self._kept)}")
        piece.write_bytes(self._new)
        self._pieces.append(piece)
        self._kept += len(self._new)
        self._new = bytearray()

    def finish(self, algorithm: str, checksum: str) -> bool:
        digest = hashlib.new(algorithm, usedforsecurity=False)

        def checked() -> Iterator[bytes]:
            for piece in self._pieces:
                data = piece.read_bytes()
                digest.update(data)
                yield data
            digest.update(self._new)
            yield bytes(self._new)
            if digest.hexdigest() != checksum:
                raise _OtherChecksumError

        try:
            self._path.write_pieces(checked(), self.size)
        except _OtherChecksumError:
            return False
        self.clear()
        return True


class _OtherChecksumError(Exception):
    """The pieces are not the file that the run lists."""


def arrival(unfinished: Path, path: Path) -> Arrival:
    """Return a file on its way, with what came of it before.

    Args:
        unfinished: where it lies until it is whole; in object storage a folder of pieces.
        path: where it lies then: the same folder's file on a disk, which whoever brings it renames.

    Raises:
        ObjectStorageError: the request was refused or not answered.
    """
    if isinstance(unfinished, ObjectPath) and isinstance(path, ObjectPath):
        return _ObjectArrival(unfinished, path)
    return _FileArrival(unfinished)


def bytes_arrived(unfinished: Path) -> int:
    """Return how many bytes of a file have come."""
    if isinstance(unfinished, ObjectPath):
        return sum(unfinished.file_sizes().values())
    try:
        return unfinished.stat().st_size
    except OSError:
        return 0


def _piece_name(start: int) -> str:
    return f"{start:015d}"
