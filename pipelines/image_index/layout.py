"""Where the image corpus keeps what, the results of its steps, and the table of records.

::

    kc/images/manifest.json
    kc/images/{records,articles,embeddings,licences}/part-00007.parquet
    kc/images/downloads/part-00007.tar      bytes of images that came over the network, with
    kc/images/downloads/part-00007.parquet  the places where they start
    kc/images/index.faiss, index.json
    kc/images/.work/                        plan and results of finished steps, so that none is done twice
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.image_manifest import IMAGES
from kc_schema.image_tables import RECORDS, part_number
from kc_schema.store import WORK, Part, Place, Rows, Step, describe_part, read_parquet, write_atomically
from pipelines.image_index.file_names import repository_of

__all__ = ["FetchedPart", "Layout", "Row", "read_records", "write_records", "write_table"]

Row = dict[str, Any]
"""A row of a table: column -> value."""
R = TypeVar("R")

_TABLES = ("records", "articles", "embeddings", "licences")
_OWNED = (*_TABLES, "downloads", "index.faiss", "index.json", ".state")
"""What builds write here; versions before this one kept the results of steps in ``.state``."""
_RECORDS_PER_GROUP = 1024


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of the image corpus of the snapshot in `kc`."""

    kc: Path

    @property
    def images(self) -> Path:
        """The image corpus."""
        return self.kc / IMAGES

    @property
    def work(self) -> Path:
        """What is needed on the way: lists of files, results of steps, pieces of the index."""
        return self.images / WORK

    def place(self) -> Place:
        """Return the corpus as a place to write; use it as a context manager."""
        return Place(self.images, owns=_OWNED, what="build of images")

    def part(self, table: str, number: int) -> Path:
        """Return the path of a table's part."""
        return self.images / table / f"part-{number:05d}.parquet"

    def planned(self, number: int) -> Path:
        """Return the path of the list of a part's files."""
        return self.work / "planned" / f"part-{number:05d}.parquet"

    def archive(self, number: int) -> Path:
        """Return the path of the images of a part that came over the network."""
        return self.images / "downloads" / f"part-{number:05d}.tar"

    def archive_index(self, number: int) -> Path:
        """Return the path of the list of where images lie in that archive."""
        return self.images / "downloads" / f"part-{number:05d}.parquet"

    @property
    def index(self) -> Path:
        """The served index."""
        return self.images / "index.faiss"

    @property
    def index_description(self) -> Path:
        """What is known of the served index; written last, so without it there is no index."""
        return self.images / "index.json"

    def step(self, name: str, number: int, inputs: str, kind: type[R]) -> Step[R]:
        """Return a step for a part."""
        return Step(self.work / name / f"{number:05d}.json", inputs, kind, self.images)

    def files(self, parts: int) -> list[str]:
        """Return the files of a corpus of so many parts, whether they are there or not."""
        numbers = range(parts)
        paths = [self.part(table, number) for table in _TABLES for number in numbers]
        paths += [path(number) for path in (self.archive, self.archive_index) for number in numbers]
        return [
            path.relative_to(self.images).as_posix() for path in (*paths, self.index, self.index_description)
        ]

    def rows(self, table: str, columns: Sequence[str], part_bits: int) -> Rows:
        """Return the rows of a table that is cut into ``2 ** part_bits`` parts, to be fetched by image."""
        files = [self.part(table, number) for number in range(1 << part_bits)]
        return Rows(files, columns, key="image_id", part_of=lambda image: part_number(image, part_bits))


@dataclass(frozen=True, slots=True)
class FetchedPart:
    """A part of the table of records, with what came of its files."""

    part: Part
    digest: str
    """Checksum of the ids of the images that were had, and of their bytes."""
    images: int
    """How many were had."""
    bytes: int
    failed: dict[str, int]
    """The others by reason."""
    repositories: dict[str, int] = field(default_factory=dict)
    """Those that were had by repository."""
    vectors: int = 0
    """Images that were not asked for, because their vectors were made elsewhere."""


def read_records(layout: Layout, number: int) -> dict[int, Row]:
    """Return the records of a part by id; none where there is no such part yet."""
    path = layout.part("records", number)
    if not path.is_file():
        return {}
    return {row["image_id"]: row for row in read_parquet(path).to_pylist()}


def write_records(
    layout: Layout, number: int, rows: Sequence[Row], wiki: str, vectors: str = ""
) -> FetchedPart:
    """Write the records of a part, by id.

    Args:
        wiki: the folder of the wiki's own files on the server.
        vectors: checksum of the part's vectors that were made elsewhere; empty without any.
    """
    rows = [
        {**row, "repository": repository_of(row["url"], wiki) if not row["error"] else ""} for row in rows
    ]
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: int(row["image_id"])), schema=RECORDS)
    part = write_table(
        table,
        layout.part("records", number),
        layout.images,
        compression="zstd",
        row_group_size=_RECORDS_PER_GROUP,
        use_dictionary=["status", "error", "mime", "repository"],
    )
    digest = hashlib.sha256(vectors.encode())
    for row in table.to_pylist():
        if row["status"] != "failed":
            digest.update(f"{row['image_id']} {row['sha256']}\n".encode())
    return FetchedPart(
        part,
        digest.hexdigest(),
        images=sum(row["status"] == "ok" for row in rows),
        bytes=sum(row["bytes"] for row in rows),
        failed=dict(sorted(Counter(row["error"] for row in rows if row["error"]).items())),
        repositories=dict(
            sorted(Counter(row["repository"] for row in rows if row["status"] == "ok").items())
        ),
        vectors=sum(row["status"] == "vector" for row in rows),
    )


def write_table(table: pa.Table, path: Path, folder: Path, **options: Any) -> Part:
    """Write a Parquet file, atomically, and return what a manifest in `folder` says of it."""
    write_atomically(path, lambda temporary: pq.write_table(table, temporary, **options))
    return describe_part(path, folder, rows=len(table))
