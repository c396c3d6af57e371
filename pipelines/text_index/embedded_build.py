"""Builds the embedded index of a snapshot: every sentence with its terms' frequencies, and nothing else.

Texts are not stored: a search fetches sentences and paragraphs by id from the snapshot's own tables. The
index is written beside its place and renamed, so that what stands there is always whole.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.feather as feather
import tantivy

from kc_schema.snapshot import Snapshot, open_snapshot
from pipelines.text_index.analysis import ANALYSER, analyser, foldable
from pipelines.text_index.protocol import TextIndexError
from pipelines.text_index.row_lookup import list_row_groups

__all__ = ["FOLDER", "IndexStatistics", "build_embedded_index", "index_folder", "read_description"]

FOLDER = "text_index"
"""Folder of the index inside a snapshot."""
FORMAT = 1
DESCRIPTION = "index.json"
TERMS = "terms"
LOOKED_UP = {"paragraphs": "paragraph_id", "sentences": "sentence_id"}
"""The tables that a search reads, with their keys; the folder has a list of the row groups of each."""

_HEAP_BYTES = 192_000_000
_MOST_THREADS = 8
_BATCH_ROWS = 4096

Progress = Callable[[int, int], None]
"""Is called with the number of sentences done and the number of all."""


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """What a build made, or found to be made already."""

    sentences: int
    segments: int
    bytes: int
    seconds: float
    """Wall time of the build; 0 where the index was there."""


def index_folder(kc: Path) -> Path:
    """Gives the place of the embedded index of the snapshot in `kc`."""
    return kc / FOLDER


def schema() -> tantivy.Schema:
    """Gives the index' schema: terms with frequencies, without positions; the id as a column."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=False, tokenizer_name=ANALYSER, index_option="freq")
    builder.add_unsigned_field("sentence_id", stored=False, indexed=False, fast=True)
    return builder.build()


def read_description(kc: Path) -> dict[str, Any] | None:
    """Gives what the index in `kc` says of itself; None where there is none that this version reads."""
    try:
        description = json.loads((index_folder(kc) / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        return None
    return description if description.get("analyser") == ANALYSER else None


def build_embedded_index(
    kc: Path | str, *, workers: int = 1, progress: Progress | None = None
) -> IndexStatistics:
    """Builds the embedded index of the snapshot in `kc`, unless the one that is there belongs to it.

    Killed at any moment, the same call gives an index with the same entries. Memory stays below 600 MB
    whatever the number of sentences.

    Args:
        kc: folder of a finished snapshot.
        workers: threads that invert sentences.
        progress: is told of sentences done and of all.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished snapshot there.
        TextIndexError: the index cannot be written, or does not hold what the manifest says.
    """
    kc = Path(kc)
    snapshot = open_snapshot(kc)
    description = read_description(kc)
    if description is not None and description["fingerprint"] == snapshot.fingerprint:
        return IndexStatistics(
            description["sentences"], description["segments"], _size(index_folder(kc)), seconds=0.0
        )
    started = time.monotonic()
    temporary = kc / f".{FOLDER}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        segments = _write(snapshot, temporary, workers, progress)
        _replace(index_folder(kc), temporary)
    except (OSError, ValueError) as error:
        # Of all that tantivy can say only the text tells a full disk from the rest.
        raise TextIndexError(f"{index_folder(kc)}: the index cannot be written: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sentences = snapshot.manifest.rows("sentences")
    return IndexStatistics(sentences, segments, _size(index_folder(kc)), time.monotonic() - started)


def _write(snapshot: Snapshot, folder: Path, workers: int, progress: Progress | None) -> int:
    """Fills `folder` with the whole index; gives its number of segments."""
    for table, key in LOOKED_UP.items():
        feather.write_feather(list_row_groups(snapshot.files(table), key), folder / f"{table}.arrow")
    (folder / TERMS).mkdir()
    index = tantivy.Index(schema(), path=str(folder / TERMS))
    index.register_tokenizer(ANALYSER, analyser())
    _add_sentences(index, snapshot, min(max(workers, 1), _MOST_THREADS), progress)
    index.reload()
    searcher = index.searcher()
    total = snapshot.manifest.rows("sentences")
    if searcher.num_docs != total:
        raise TextIndexError(
            f"{snapshot.folder}: the index holds {searcher.num_docs} sentences, the manifest says {total};"
            " check the snapshot with python -m kc_schema.verify"
        )
    description = {
        "format": FORMAT,
        "analyser": ANALYSER,
        "fingerprint": snapshot.fingerprint,
        "sentences": total,
        "segments": searcher.num_segments,
        "tantivy": version("tantivy"),
    }
    with (folder / DESCRIPTION).open("w", encoding="utf-8") as file:
        json.dump(description, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return int(searcher.num_segments)


def _add_sentences(index: tantivy.Index, snapshot: Snapshot, threads: int, progress: Progress | None) -> None:
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=threads)
    total = snapshot.manifest.rows("sentences")
    done = 0
    for batch in snapshot.batches("sentences", ["sentence_id", "text"], rows=_BATCH_ROWS):
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


def _replace(place: Path, temporary: Path) -> None:
    """Puts the finished folder in its place; a kill in between leaves no index, never half of one."""
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.replace(old)
    temporary.replace(place)
    shutil.rmtree(old, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
