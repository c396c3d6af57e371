"""Builds the embedded index of a snapshot: every sentence with its words' frequencies, and nothing else.

Texts are not stored: a search fetches sentences and paragraphs by id from the snapshot's own tables. The index is
written beside its place and renamed, so that what stands there is always whole.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather

from kc_schema.errors import UserError
from kc_schema.snapshot import Snapshot, open_snapshot
from kc_schema.store import (
    Part,
    Place,
    Step,
    as_path,
    describe_part,
    fingerprint,
    list_row_groups,
    put_folder,
    write_atomically,
)
from kc_schema.tables import TEXT_TABLES
from pipelines.engine import Engine
from pipelines.text_index.analysis import ANALYSER
from pipelines.text_index.block_max.files import Sizes
from pipelines.text_index.block_max.inversion import Inversion, invert_sentences, map_here
from pipelines.text_index.block_max.tokens import ROWS_PER_UNIT, plan_units
from pipelines.text_index.indexed_rows import count_indexed, left_out_files
from pipelines.text_index.page_rows import list_pages
from pipelines.text_index.protocol import Progress, TextIndexError

__all__ = [
    "FOLDER",
    "LOOKED_UP",
    "PAGES_FILE",
    "ROW_GROUPS_FILE",
    "EmbeddedDescription",
    "IndexStatistics",
    "build_embedded_index",
    "index_folder",
    "index_step",
]

FOLDER = "text_index"
"""Folder of the index inside a snapshot."""
FORMAT = 4
DESCRIPTION = "index.json"
LOOKED_UP = {"paragraphs": ("title", "section", "text"), "sentences": ("text",)}
"""The tables that a search reads, with the columns that it wants of a row."""
PAGES_FILE = "{}_pages.arrow"
"""File of the folder that says where the pages of a table's columns are (`page_rows.PAGES`)."""
ROW_GROUPS_FILE = "{}.arrow"
"""In its place, for tables of earlier versions: which row group holds which ids."""

_STEPS = f"{FOLDER}.steps"


@dataclass(frozen=True, slots=True)
class EmbeddedDescription:
    """What the index says of itself."""

    sizes: Sizes
    files: tuple[Part, ...]

    @property
    def sentences(self) -> int:
        """Sentences that can be found."""
        return self.sizes.sentences

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """What a build made, or found to be made already."""

    sentences: int
    bytes: int
    seconds: float
    """Wall time of the build; 0 where the index was there."""


def index_folder(kc: Path) -> Path:
    """Return the place of the embedded index of the snapshot in `kc`."""
    return kc / FOLDER


def index_step(
    snapshot: Snapshot, folder: Path, *, with_apparatus: bool = False
) -> Step[EmbeddedDescription]:
    """Return the step that makes the index of `snapshot` in `folder`; its result is there where the index is."""
    more = ["apparatus"] if with_apparatus else []
    inputs = fingerprint(FORMAT, ANALYSER, snapshot.fingerprint, *more)
    return Step(folder / DESCRIPTION, inputs, EmbeddedDescription, folder)


def build_embedded_index(
    kc: Path | str,
    *,
    workers: int = 1,
    with_apparatus: bool = False,
    progress: Progress | None = None,
    place: Place | None = None,
    rows_per_unit: int = ROWS_PER_UNIT,
) -> IndexStatistics:
    """Build the embedded index of the snapshot in `kc`, unless the one that is there belongs to it.

    Killed at any moment, the same call goes on, and makes the same files, byte for byte, whatever the number of
    workers.

    Args:
        kc: folder of a finished snapshot.
        workers: processes that invert sentences.
        with_apparatus: whether sentences in sections of references, notes and links are found, too.
        progress: is called with the sentences done and all.
        place: the snapshot's place, where the caller has entered it already; it is locked here otherwise.
        rows_per_unit: sentences that a process takes at a time.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished snapshot there.
        kc_schema.store.PlaceBusyError: another process writes there.
        TextIndexError: the index cannot be written, or does not hold what the manifest says.
    """
    kc = as_path(kc)
    found = index_step(open_snapshot(kc), index_folder(kc), with_apparatus=with_apparatus).result()
    if found is not None:
        return IndexStatistics(found.sentences, found.bytes, seconds=0.0)
    started = time.monotonic()
    with _entered(kc, place) as locked:
        # Only now nobody else can replace it.
        snapshot = open_snapshot(kc)
        build = _Build(snapshot, locked, workers, with_apparatus, rows_per_unit, progress)
        description = build.run()
    seconds = time.monotonic() - started
    return IndexStatistics(description.sentences, description.bytes, seconds)


@contextmanager
def _entered(kc: Path, place: Place | None) -> Iterator[Place]:
    """Give the snapshot's place, entered: the very lock that a build of the snapshot takes."""
    if place is not None:
        yield place
        return
    with Place(kc, owns=(*TEXT_TABLES, "repeats", FOLDER), what="build") as own:
        yield own


@dataclass
class _Build:
    """One build of an index."""

    snapshot: Snapshot
    place: Place
    workers: int
    with_apparatus: bool
    rows_per_unit: int
    progress: Progress | None

    def run(self) -> EmbeddedDescription:
        """Build beside the index' place, and put it there when it is whole."""
        folder = index_folder(self.place.folder)
        work = self.place.scratch
        fresh, old = work / FOLDER, work / f"{FOLDER}.old"
        steps = work / _STEPS
        try:
            for path in (fresh, old):
                shutil.rmtree(path, ignore_errors=True)
            fresh.mkdir(parents=True)
            description = self._write(fresh, steps)
            put_folder(fresh, folder, record=DESCRIPTION)  # a kill before leaves no index, never half of one
            shutil.rmtree(steps, ignore_errors=True)
        except (OSError, ValueError, UserError, pa.ArrowException) as error:
            if isinstance(error, TextIndexError):
                raise
            raise TextIndexError(f"{folder}: the index cannot be written: {error}") from error
        finally:
            for path in (fresh, old):
                shutil.rmtree(path, ignore_errors=True)
            with suppress(OSError):  # a build of the tables may have left something there to go on with
                work.rmdir()
        return description

    def _write(self, folder: Path, steps: Path) -> EmbeddedDescription:
        """Fill `folder` with the whole index."""
        snapshot = self.snapshot
        for table, columns in LOOKED_UP.items():
            tables, key = snapshot.files(table), f"{table[:-1]}_id"
            pages = list_pages(tables, key, columns)
            name = PAGES_FILE if pages is not None else ROW_GROUPS_FILE
            listed = list_row_groups(tables, key) if pages is None else pages
            write_atomically(folder / name.format(table), partial(feather.write_feather, listed))
        step = index_step(snapshot, folder, with_apparatus=self.with_apparatus)
        parts = {snapshot.folder / part.file: part.file for part in snapshot.manifest.tables["sentences"]}
        units = plan_units(
            parts,
            rows=self.rows_per_unit,
            left_out=lambda file: left_out_files(
                snapshot, "sentences", with_apparatus=self.with_apparatus, part=parts[file]
            ),
        )
        inversion = Inversion(steps, step.inputs)
        # Processes take seconds to begin.
        if self.workers > 1 and snapshot.manifest.rows("sentences") > self.rows_per_unit:
            with Engine(self.workers) as engine:
                sizes = invert_sentences(inversion, units, folder, engine.map, self._done)
        else:
            sizes = invert_sentences(inversion, units, folder, map_here, self._done)
        total = count_indexed(snapshot, "sentences", with_apparatus=self.with_apparatus)
        if sizes.sentences != total:
            shutil.rmtree(steps, ignore_errors=True)
            raise TextIndexError(
                f"{snapshot.folder}: the index holds {sizes.sentences} sentences, the manifest says {total};"
                " check the snapshot with python -m kc_schema.verify"
            )
        files = tuple(describe_part(path, folder, rows=0) for path in sorted(folder.iterdir()))
        return step.finish(EmbeddedDescription(sizes, files))

    def _done(self, fifths: int) -> None:
        if self.progress is not None:
            total = count_indexed(self.snapshot, "sentences", with_apparatus=self.with_apparatus)
            self.progress(min(fifths // 5, total), total)
