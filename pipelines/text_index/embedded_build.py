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
from kc_schema.store import Place, as_path, describe_part, list_row_groups, put_folder, write_atomically
from kc_schema.tables import TEXT_TABLES
from pipelines.engine import Engine
from pipelines.text_index.analysis import analyser_version
from pipelines.text_index.block_max.inversion import Inversion, invert_sentences, map_here
from pipelines.text_index.block_max.older_words import OlderIndex, write_older_vocabulary
from pipelines.text_index.block_max.tokens import ROWS_PER_UNIT, SentenceUnit, plan_units
from pipelines.text_index.connection import Tell
from pipelines.text_index.embedded_files import (
    DESCRIPTION,
    FOLDER,
    LOOKED_UP,
    PAGES_FILE,
    ROW_GROUPS_FILE,
    EmbeddedDescription,
    index_folder,
    index_step,
)
from pipelines.text_index.embedded_update import Update, find_update
from pipelines.text_index.indexed_rows import count_indexed, left_out_files
from pipelines.text_index.page_rows import list_pages
from pipelines.text_index.protocol import Progress, TextIndexError

__all__ = [
    "IndexStatistics",
    "build_embedded_index",
]

_STEPS = f"{FOLDER}.steps"


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """What a build made, or found to be made already."""

    sentences: int
    bytes: int
    seconds: float
    """Wall time of the build; 0 where the index was there."""
    taken: int = 0
    """Sentences whose words came from the index of an older snapshot."""


def build_embedded_index(
    kc: Path | str,
    *,
    workers: int = 1,
    with_apparatus: bool = False,
    progress: Progress | None = None,
    place: Place | None = None,
    rows_per_unit: int = ROWS_PER_UNIT,
    older: Path | None = None,
    tell: Tell = lambda _: None,
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
        older: folder of an older snapshot: words of sentences that have not changed come from its index, where that is
            cheaper; the files are the same either way.
        tell: takes the line that says which is done.

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
        update = None
        if older is not None:
            update, line = find_update(snapshot, older)
            tell(f"{index_folder(kc)}: {line}")
        build = _Build(snapshot, locked, workers, with_apparatus, rows_per_unit, progress, update)
        description = build.run()
    seconds = time.monotonic() - started
    return IndexStatistics(description.sentences, description.bytes, seconds, build.taken)


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
    update: Update | None
    taken: int = 0
    """Sentences whose words came from the older index."""

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
        units = self._units()
        inversion = Inversion(steps, step.inputs, older=self._older_index(steps))
        # Processes take seconds to begin.
        if self.workers > 1 and snapshot.manifest.rows("sentences") > self.rows_per_unit:
            with Engine(self.workers) as engine:
                sizes = invert_sentences(inversion, units, folder, engine.map, self._done)
        else:
            sizes = invert_sentences(inversion, units, folder, map_here, self._done)
        self.taken = inversion.taken(units)
        total = count_indexed(snapshot, "sentences", with_apparatus=self.with_apparatus)
        if sizes.sentences != total:
            shutil.rmtree(steps, ignore_errors=True)
            raise TextIndexError(
                f"{snapshot.folder}: the index holds {sizes.sentences} sentences, the manifest says {total};"
                " check the snapshot with python -m kc_schema.verify"
            )
        files = tuple(describe_part(path, folder, rows=0) for path in sorted(folder.iterdir()))
        return step.finish(EmbeddedDescription(sizes, files, analyser_version()))

    def _units(self) -> list[SentenceUnit]:
        snapshot = self.snapshot
        parts = {snapshot.folder / part.file: part.file for part in snapshot.manifest.tables["sentences"]}
        return plan_units(
            parts,
            rows=self.rows_per_unit,
            left_out=lambda file: left_out_files(
                snapshot, "sentences", with_apparatus=self.with_apparatus, part=parts[file]
            ),
            before=lambda file: self.update.before[file] if self.update is not None else None,
        )

    def _older_index(self, steps: Path) -> OlderIndex | None:
        if self.update is None:
            return None
        vocabulary = steps / "older_vocabulary.arrow"
        write_older_vocabulary(self.update.folder, self.update.sizes, vocabulary)
        return OlderIndex(self.update.folder, self.update.sizes, vocabulary)

    def _done(self, fifths: int) -> None:
        if self.progress is not None:
            total = count_indexed(self.snapshot, "sentences", with_apparatus=self.with_apparatus)
            self.progress(min(fifths // 5, total), total)
