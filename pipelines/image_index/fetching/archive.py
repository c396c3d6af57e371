"""The bytes of images: those of a part that came over the network lie in a tar file, readable by anything.

The file only grows. Every image that was asked for has a member ``ID.json`` (what came of it), before it ``ID.img``
(its bytes) where it was had. Members are named by id: no name from the wiki is ever part of a path. A process that
is killed leaves a broken tail, which the next one cuts off. In object storage, where nothing can be appended, the file
grows on this machine; what is new goes to pieces in ``.work`` every few seconds, and all of it becomes one object at
the end.
"""

from __future__ import annotations

import json
import os
import tarfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from kc_schema.store import (
    WORK,
    ByteRanges,
    ObjectPath,
    is_address,
    read_parquet,
    remove,
    temporary_folder,
)
from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.sources import Outcome
from pipelines.image_index.layout import Layout, Row, write_table

__all__ = ["DownloadArchive", "Kept", "PartContent", "compact", "is_in_folder", "write_archive_index"]

_BLOCK = 512
_PIECE_BYTES = 8 << 20
_PIECE_SECONDS = 10.0
_PLACES = pa.schema([("image_id", pa.int64()), ("offset", pa.int64())])


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an `Outcome`."""

    url: str
    error: str
    width: int
    height: int
    mime: str
    sha256: str
    bytes: int
    offset: int = 0
    """Where the image's bytes begin in the archive."""

    @staticmethod
    def of(outcome: Outcome, offset: int = 0) -> Kept:
        """Leave the bytes out."""
        measures = outcome.width, outcome.height, outcome.mime, outcome.sha256
        return Kept(outcome.url, outcome.error, *measures, len(outcome.content), offset)


class DownloadArchive:
    """The archive of a part, opened to be continued."""

    def __init__(self, path: Path) -> None:
        self._scratch = ExitStack()
        self._pieces: _Pieces | None = None
        if isinstance(path, ObjectPath):
            folder = self._scratch.enter_context(temporary_folder(path))
            self._pieces = _Pieces(path, folder / path.name)
            path = self._pieces.file
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.outcomes: dict[int, Kept] = {}
        """What came of every image so far, by id."""
        end = self._read()
        self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self._file.truncate(end)
        self._file.seek(end)

    def __enter__(self) -> DownloadArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._pieces is not None:
                self._pieces.keep(self._file.tell())
        finally:
            self._file.close()
            self._scratch.close()

    def add(self, image: int, outcome: Outcome) -> None:
        """Append what came of an image; from here on, or some seconds later, it survives this process."""
        offset = 0
        if outcome.content:
            offset = self._file.tell() + _BLOCK
            self._append(f"{image}.img", outcome.content)
        kept = Kept.of(outcome, offset)
        self._append(f"{image}.json", json.dumps(asdict(kept), ensure_ascii=False).encode())
        self.outcomes[image] = kept
        if self._pieces is not None and self._pieces.is_due(self._file.tell()):
            self._pieces.keep(self._file.tell())

    def sync(self) -> None:
        """Make everything durable."""
        os.fsync(self._file.fileno())
        if self._pieces is not None:
            self._pieces.join(self._file.tell())

    def _append(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        header = member.tobuf(tarfile.USTAR_FORMAT)
        self._file.write(header + content + b"\0" * (-len(content) % _BLOCK))

    def _read(self) -> int:
        """Take in the outcomes that are whole; gives where the last of them ends."""
        if not self._path.exists():
            return 0
        size = self._path.stat().st_size
        end = place = 0
        try:
            with self._path.open("rb") as file:
                while place + _BLOCK <= size:
                    file.seek(place)
                    member = tarfile.TarInfo.frombuf(file.read(_BLOCK), "utf-8", "strict")
                    place += _BLOCK + -(-member.size // _BLOCK) * _BLOCK
                    if place > size:
                        break
                    stem, _, suffix = member.name.partition(".")
                    if suffix == "json":
                        self.outcomes[int(stem)] = Kept(**json.loads(file.read(member.size)))
                        end = place
        except (tarfile.HeaderError, ValueError):
            pass  # the broken tail begins here
        except OSError as error:
            raise FetchError(f"{self._path}: cannot be read: {error.strerror}") from error
        return end  # an image without its outcome is part of the tail too


class _Pieces:
    """An archive in object storage: the object, and what a process added since, in pieces named by where they begin."""

    def __init__(self, path: ObjectPath, file: Path) -> None:
        """Bring object and pieces together in `file`, on this machine."""
        self._path = path
        self._folder = path.parent.parent / WORK / path.parent.name / path.name
        self.file = file
        with file.open("wb") as whole:
            _copy(path, whole)
            self._whole = whole.tell()
            """Bytes of the object; 0 where there is none."""
            for piece in sorted(self._folder.iterdir(), key=lambda piece: piece.name):
                if int(piece.name) == whole.tell():
                    whole.write(piece.read_bytes())
            self._kept = whole.tell()
        self._kept_at = time.monotonic()

    def is_due(self, end: int) -> bool:
        """Tell whether what lies behind the last piece is worth another one."""
        return end - self._kept >= _PIECE_BYTES or time.monotonic() - self._kept_at >= _PIECE_SECONDS

    def keep(self, end: int) -> None:
        """Write what was added since the last piece, up to `end`, as another one."""
        if end > self._kept:
            with ByteRanges(self.file) as file:
                (self._folder / f"{self._kept:015d}").write_bytes(file.read(self._kept, end - self._kept))
            self._kept = end
        self._kept_at = time.monotonic()

    def join(self, end: int) -> None:
        """Make one object of everything up to `end`."""
        if end != self._whole:
            self._path.upload(self.file)
        self._whole = self._kept = end
        remove(self._folder)


def _copy(path: ObjectPath, to: BinaryIO) -> None:
    try:
        source = ByteRanges(path)
    except FileNotFoundError:
        return
    with source:
        for start in range(0, source.size, _PIECE_BYTES):
            to.write(source.read(start, _PIECE_BYTES))


def compact(path: Path, wanted: set[int]) -> bool:
    """Write an archive anew without images that are not `wanted`, if they are a quarter of it or more.

    Returns:
        Whether it was written anew; offsets have changed then.
    """
    with DownloadArchive(path) as archive:
        outcomes = dict(archive.outcomes)
        archive.sync()
    unwanted = sum(kept.bytes for image, kept in outcomes.items() if image not in wanted)
    if unwanted * 4 <= path.stat().st_size or not unwanted:
        return False
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    with DownloadArchive(temporary) as smaller, ByteRanges(path) as source:
        for image, kept in outcomes.items():
            if image in wanted:
                content = source.read(kept.offset, kept.bytes)
                measures = kept.width, kept.height, kept.mime, kept.sha256
                smaller.add(image, Outcome(kept.url, kept.error, content, *measures))
        smaller.sync()
    temporary.replace(path)
    return True


def write_archive_index(layout: Layout, number: int, outcomes: Mapping[int, Kept]) -> None:
    """Write where the images of a part lie in its archive."""
    places = sorted((image, kept.offset) for image, kept in outcomes.items() if kept.bytes)
    columns = [[image for image, _ in places], [offset for _, offset in places]]
    table = pa.table([pa.array(column, pa.int64()) for column in columns], schema=_PLACES)
    write_table(table, layout.archive_index(number), layout.images)


def is_in_folder(url: str) -> bool:
    """Tell whether an image lies in a folder, by what its record says of where it is from."""
    return url.startswith("file:") or is_address(url)


class PartContent:
    """Read the images of one part."""

    def __init__(self, layout: Layout, number: int) -> None:
        self._archive = layout.archive(number)
        self._index = layout.archive_index(number)
        self._offsets: dict[int, int] | None = None
        self._content: ByteRanges | None = None

    def read(self, record: Row) -> bytes:
        """Return the bytes of a record's image.

        Raises:
            OSError: they cannot be read.
        """
        url = record["url"]
        if is_in_folder(url):
            return (ObjectPath(url) if is_address(url) else Path(unquote(urlsplit(url).path))).read_bytes()
        if self._offsets is None:
            table = read_parquet(self._index)
            self._offsets = dict(zip(table["image_id"].to_pylist(), table["offset"].to_pylist(), strict=True))
        if self._content is None:
            self._content = ByteRanges(self._archive)
        return self._content.read(self._offsets[record["image_id"]], record["bytes"])
