"""A snapshot of the text corpus on disk: its folders, its manifest with checksums, how it is read.

The manifest is written last, so a folder without one holds no snapshot, whatever else lies in it. It holds
no time stamps: the same dump and options give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from kc_schema.errors import UserError
from kc_schema.store import (
    ObjectStorageError,
    Part,
    as_path,
    checksum,
    open_parquet,
    read_json,
    sizes,
    to_json,
    write_text,
)
from kc_schema.tables import TEXT_TABLES

__all__ = [
    "FORMAT",
    "LostText",
    "Manifest",
    "Part",
    "RepeatedText",
    "Snapshot",
    "SnapshotError",
    "checksum",
    "folder_behind",
    "has_manifest",
    "open_snapshot",
    "read_manifest",
    "write_manifest",
]

FORMAT = 1
"""Version of the snapshot's layout; a reader refuses any other."""

MANIFEST = "manifest.json"


class SnapshotError(UserError):
    """A folder that holds no snapshot, or one that cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class RepeatedText:
    """A text that stands in several sentences."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class LostText:
    """An example of what a build leaves out."""

    title: str
    """Of the page."""
    text: str
    """How what was lost of it begins; empty where the page itself was, or nothing is known of it."""


@dataclass(slots=True)
class Manifest:
    """What a snapshot holds and where it comes from."""

    dump: dict[str, Any]
    """``name``, ``wiki``, ``language``, ``base``, ``date``, ``files`` (name, bytes), ``fingerprint``."""
    options: dict[str, Any]
    """Options of the build that change what is kept."""
    versions: dict[str, str]
    """Versions of the project's extractor and of the libraries that shape the tables."""
    tables: dict[str, list[Part]]
    """The parts of every table, in the order of their rows: of `kc_schema.tables.TEXT_TABLES`, and of ``repeats`` where
    a sentence says what another says."""
    counts: dict[str, int] = field(default_factory=dict)
    """Pages, paragraphs, sentences, anchors, ... that were read and kept."""
    drops: dict[str, dict[str, int]] = field(default_factory=dict)
    """What was left out: by what it is (pages, paragraphs, ...), then by reason."""
    lost: dict[str, dict[str, list[LostText]]] = field(default_factory=dict)
    """A few examples of it, in the same order; of templates those that were left out by kind, with their calls."""
    templates: dict[str, Any] = field(default_factory=dict)
    """``rendered`` (a count), ``dropped`` by kind; ``unknown`` by name, the most frequent ones, and in
    ``unknown_examples`` the first page that calls each."""
    repeated: list[RepeatedText] = field(default_factory=list)
    """The texts that stand in most sentences."""
    format: int = FORMAT

    def rows(self, table: str) -> int:
        """Return the number of rows of `table` over all of its parts."""
        return sum(part.rows for part in self.tables.get(table, []))

    def to_json(self) -> str:
        """Return the manifest as indented JSON, keys sorted."""
        return to_json(self)


@dataclass(frozen=True)
class _Format:
    format: int


def folder_behind(path: Path | str) -> Path:
    """Return the folder that a name such as ``current`` leads to now.

    What is opened under it stays one snapshot when the name leads to the next one.
    """
    path = as_path(path)
    return path.resolve() if path.is_symlink() else path


def has_manifest(folder: Path) -> bool:
    """Tell whether `folder` holds a finished snapshot."""
    return (folder / MANIFEST).is_file()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest: from here on the folder holds a snapshot. Atomic and durable."""
    write_text(folder / MANIFEST, manifest.to_json())


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the snapshot in `folder`.

    Raises:
        SnapshotError: there is none, or it cannot be read.
        ObjectStorageError: the request was refused or not answered.
    """
    path = folder / MANIFEST
    try:
        version = read_json(path, _Format).format
        if version != FORMAT:
            raise SnapshotError(
                f"{path}: format {version}, this version reads {FORMAT}; build the snapshot again"
            )
        return read_json(path, Manifest)
    except FileNotFoundError as error:
        what = "no such folder" if not folder.exists() else f"no {MANIFEST}, so no finished snapshot"
        raise SnapshotError(
            f"{folder}: {what}; build one with:"
            f" python -m pipelines.build_text_kc --dump DUMP --output {folder}"
        ) from error
    except ObjectStorageError:
        raise
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error}") from error
    except ValueError as error:
        raise SnapshotError(f"{path}: not a manifest ({error}); build the snapshot again") from error


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A finished snapshot, opened for reading."""

    folder: Path
    manifest: Manifest
    fingerprint: str
    """SHA-256 of the manifest: two snapshots with one fingerprint hold the same tables."""

    def files(self, table: str) -> list[Path]:
        """Return the paths of a table's parts, in the order of their rows."""
        return [self.folder / part.file for part in self.manifest.tables.get(table, [])]

    def batches(
        self, table: str, columns: Sequence[str] | None = None, *, rows: int = 1 << 14
    ) -> Iterator[pa.RecordBatch]:
        """Yield a table's rows in order, at most `rows` at a time, so that memory stays bounded."""
        for path in self.files(table):
            with open_parquet(path) as file:
                yield from file.iter_batches(batch_size=rows, columns=list(columns) if columns else None)


def open_snapshot(folder: Path | str) -> Snapshot:
    """Open the snapshot in `folder`, or that it leads to now; its parts must be there with the manifest's sizes.

    Raises:
        SnapshotError: no snapshot, a part that is missing or has another size.
    """
    folder = folder_behind(folder)
    manifest = read_manifest(folder)
    for name in TEXT_TABLES:
        if name not in manifest.tables:
            raise SnapshotError(
                f"{folder / MANIFEST}: the table {name} is not listed; build the snapshot again"
            )
    found = sizes(folder, [part.file for parts in manifest.tables.values() for part in parts])
    for parts in manifest.tables.values():
        for part in parts:
            path = folder / part.file
            if part.file not in found:
                raise SnapshotError(
                    f"{path}: missing; the snapshot is damaged, build it again with --overwrite"
                )
            if found[part.file] != part.bytes:
                raise SnapshotError(
                    f"{path}: {found[part.file]} bytes where the manifest says {part.bytes};"
                    " the snapshot is damaged, build it again with --overwrite"
                )
    return Snapshot(folder, manifest, checksum(folder / MANIFEST))
