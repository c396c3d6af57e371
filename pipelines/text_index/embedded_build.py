"""Builds the embedded index of a snapshot: every sentence with its terms' frequencies, and nothing else.

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
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import tantivy

from kc_schema.errors import UserError
from kc_schema.snapshot import Snapshot, open_snapshot
from kc_schema.store import Part, Place, Step, describe_part, fingerprint, list_row_groups, write_atomically
from kc_schema.tables import TEXT_TABLES
from pipelines.text_index.analysis import ANALYSER, analyser, foldable
from pipelines.text_index.indexed_rows import count_indexed, indexed_batches
from pipelines.text_index.protocol import Progress, TextIndexError

__all__ = [
    "FOLDER",
    "LOOKED_UP",
    "TERMS",
    "EmbeddedDescription",
    "IndexStatistics",
    "build_embedded_index",
    "index_folder",
    "index_step",
]

FOLDER = "text_index"
"""Folder of the index inside a snapshot."""
FORMAT = 2
DESCRIPTION = "index.json"
TERMS = "terms"
LOOKED_UP = {"paragraphs": "paragraph_id", "sentences": "sentence_id"}
"""The tables that a search reads, with their keys; the folder has a list of the row groups of each."""

_HEAP_BYTES = 192_000_000
_MOST_THREADS = 8
_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class EmbeddedDescription:
    """What the index says of itself."""

    sentences: int
    segments: int
    tantivy: str
    """Version of the library that wrote it."""
    files: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """What a build made, or found to be made already."""

    sentences: int
    segments: int
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
) -> IndexStatistics:
    """Build the embedded index of the snapshot in `kc`, unless the one that is there belongs to it.

    Killed at any moment, the same call gives an index with the same entries. Memory stays below 600 MB whatever
    the number of sentences.

    Args:
        kc: folder of a finished snapshot.
        workers: threads that invert sentences.
        with_apparatus: whether sentences in sections of references, notes and links are found, too.
        progress: is called with the sentences done and all.
        place: the snapshot's place, where the caller has entered it already; it is locked here otherwise.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished snapshot there.
        kc_schema.store.PlaceBusyError: another process writes there.
        TextIndexError: the index cannot be written, or does not hold what the manifest says.
    """
    kc = Path(kc)
    found = index_step(open_snapshot(kc), index_folder(kc), with_apparatus=with_apparatus).result()
    if found is not None:
        return IndexStatistics(found.sentences, found.segments, found.bytes, seconds=0.0)
    started = time.monotonic()
    with _entered(kc, place) as locked:
        # Only now nobody else can replace it.
        snapshot = open_snapshot(kc)
        description = _build(snapshot, locked, workers, with_apparatus, progress)
    seconds = time.monotonic() - started
    return IndexStatistics(description.sentences, description.segments, description.bytes, seconds)


@contextmanager
def _entered(kc: Path, place: Place | None) -> Iterator[Place]:
    """Give the snapshot's place, entered: the very lock that a build of the snapshot takes."""
    if place is not None:
        yield place
        return
    with Place(kc, owns=(*TEXT_TABLES, "repeats", FOLDER), what="build") as own:
        yield own


def _build(
    snapshot: Snapshot, place: Place, workers: int, with_apparatus: bool, progress: Progress | None
) -> EmbeddedDescription:
    folder = index_folder(place.folder)
    fresh, old = place.work / FOLDER, place.work / f"{FOLDER}.old"
    try:
        for path in (fresh, old):
            shutil.rmtree(path, ignore_errors=True)
        fresh.mkdir(parents=True)
        description = _write(snapshot, fresh, workers, with_apparatus, progress)
        if folder.exists():
            folder.replace(old)
        fresh.replace(folder)  # a kill before leaves no index, never half of one
    except (OSError, ValueError, UserError) as error:
        if isinstance(error, TextIndexError):
            raise
        # Of all that tantivy can say only the text tells a full disk from the rest.
        raise TextIndexError(f"{folder}: the index cannot be written: {error}") from error
    finally:
        for path in (fresh, old):
            shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # a build of the tables may have left something there to go on with
            place.work.rmdir()
    return description


def _write(
    snapshot: Snapshot, folder: Path, workers: int, with_apparatus: bool, progress: Progress | None
) -> EmbeddedDescription:
    """Fill `folder` with the whole index."""
    for table, key in LOOKED_UP.items():
        groups = list_row_groups(snapshot.files(table), key)
        write_atomically(folder / f"{table}.arrow", partial(feather.write_feather, groups))
    terms = folder / TERMS
    terms.mkdir()
    index = tantivy.Index(_schema(), path=str(terms))
    index.register_tokenizer(ANALYSER, analyser())
    total = count_indexed(snapshot, "sentences", with_apparatus=with_apparatus)
    batches = indexed_batches(
        snapshot, "sentences", ["sentence_id", "text"], with_apparatus=with_apparatus, rows=_BATCH_ROWS
    )
    _add_sentences(index, batches, total, min(max(workers, 1), _MOST_THREADS), progress)
    index.reload()
    searcher = index.searcher()
    if searcher.num_docs != total:
        raise TextIndexError(
            f"{snapshot.folder}: the index holds {searcher.num_docs} sentences, the manifest says {total};"
            " check the snapshot with python -m kc_schema.verify"
        )
    mode = (folder / f"{next(iter(LOOKED_UP))}.arrow").stat().st_mode
    for path in terms.iterdir():
        if path.suffix == ".lock":  # needed by writers only
            path.unlink()
        else:  # tantivy keeps some of its files to the user who wrote them
            path.chmod(mode)
    files = tuple(describe_part(path, folder, rows=0) for path in sorted(folder.rglob("*")) if path.is_file())
    description = EmbeddedDescription(total, int(searcher.num_segments), version("tantivy"), files)
    return index_step(snapshot, folder, with_apparatus=with_apparatus).finish(description)


def _schema() -> tantivy.Schema:
    """Return the index' schema: terms with frequencies, without positions; the id as a column."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=False, tokenizer_name=ANALYSER, index_option="freq")
    builder.add_unsigned_field("sentence_id", stored=False, indexed=False, fast=True)
    return builder.build()


def _add_sentences(
    index: tantivy.Index,
    batches: Iterator[pa.RecordBatch],
    total: int,
    threads: int,
    progress: Progress | None,
) -> None:
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=threads)
    done = 0
    for batch in batches:
        for sentence_id, text in zip(batch[0].to_pylist(), batch[1].to_pylist(), strict=True):
            document = tantivy.Document()
            document.add_unsigned("sentence_id", sentence_id)
            document.add_text("text", foldable(text))
            writer.add_document(document)
        done += len(batch)
        if progress is not None:
            progress(done, total)
    writer.commit()
    writer.wait_merging_threads()
