"""The bytes of images: those of a part that came over the network lie in a tar file, readable by anything.

The file only grows. Every image that was asked for has a member ``ID.json`` (what came of it), before it ``ID.img``
(its bytes) where it was had. Members are named by id: no name from the wiki is ever part of a path. A process that
is killed leaves a broken tail, which the next one cuts off.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.sources import Outcome
from pipelines.image_index.layout import Layout, Row, write_table

__all__ = ["DownloadArchive", "Kept", "PartContent", "compact", "write_archive_index"]

_BLOCK = 512
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
        self._file.close()

    def add(self, image: int, outcome: Outcome) -> None:
        """Append what came of an image; from here on it survives this process."""
        offset = 0
        if outcome.content:
            offset = self._file.tell() + _BLOCK
            self._append(f"{image}.img", outcome.content)
        kept = Kept.of(outcome, offset)
        self._append(f"{image}.json", json.dumps(asdict(kept), ensure_ascii=False).encode())
        self.outcomes[image] = kept

    def sync(self) -> None:
        """Make everything durable."""
        os.fsync(self._file.fileno())

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


def compact(path: Path, wanted: set[int]) -> bool:
    """Write an archive anew without images that are not `wanted`, if they are a quarter of it or more.

    Returns:
        Whether it was written anew; offsets have changed then.
    """
    with DownloadArchive(path) as archive:
        outcomes = dict(archive.outcomes)
    unwanted = sum(kept.bytes for image, kept in outcomes.items() if image not in wanted)
    if unwanted * 4 <= path.stat().st_size or not unwanted:
        return False
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    with DownloadArchive(temporary) as smaller, path.open("rb") as source:
        for image, kept in outcomes.items():
            if image in wanted:
                source.seek(kept.offset)
                content = source.read(kept.bytes)
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


class PartContent:
    """Read the images of one part."""

    def __init__(self, layout: Layout, number: int) -> None:
        self._archive = layout.archive(number)
        self._index = layout.archive_index(number)
        self._offsets: dict[int, int] | None = None

    def read(self, record: Row) -> bytes:
        """Return the bytes of a record's image.

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
