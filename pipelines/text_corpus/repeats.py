"""Sentences whose text stands in the corpus before: made by bots, boilerplate, bare names. Found by hash, not by text.

Every page range leaves the hashes of its sentences, sorted, in the working folder. Then hash after hash is looked at
over all ranges, a million at a time, and what is found is written by ascending id. Files are read piece by piece and
not mapped, so that memory stays bounded at any size of the corpus.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.snapshot import RepeatedText
from kc_schema.store import (
    Part,
    Rows,
    Step,
    describe_part,
    explain_file_errors,
    open_parquet,
    read_parquet,
    replacing,
)
from kc_schema.tables import APPARATUS, REPEATS
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.part_files import ROWS_PER_GROUP, part_path

__all__ = ["FoundRepeats", "count_looks", "find_repeats", "repeats_step", "write_hashes"]

HASHES_AT_ONCE = 1 << 20
"""How many sentences are looked at together, on average: 130 MB of memory."""
MOST_FREQUENT_SHOWN = 20

Numbers = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int64]

_HASH = np.dtype([("hash", "<u8"), ("sentence_id", "<i8"), ("apparatus", "?")])
_PAIR = np.dtype([("sentence_id", "<i8"), ("first_id", "<i8")])


@dataclass(frozen=True)
class FoundRepeats:
    """What a corpus says more than once."""

    parts: list[Part]
    """Of the table of repeats."""
    texts: int
    """Different texts that stand in more than one sentence."""
    in_apparatus: int
    """How many of the repeats stand in sections of references, notes and links."""
    most_frequent: list[RepeatedText]


def write_hashes(build: Build, number: int, paragraphs: Path, sentences: Path) -> Part:
    """Write the hashes of a part's sentences to the working folder.

    Args:
        number: of the parts.
        paragraphs, sentences: the parts of both tables, with the same pages.
    """
    kinds = read_parquet(paragraphs, columns=["paragraph_id", "kind"])
    apparatus = kinds.filter(pc.equal(kinds["kind"], APPARATUS))["paragraph_id"].combine_chunks()
    found = []
    with open_parquet(sentences) as file:
        for batch in file.iter_batches(columns=["sentence_id", "paragraph_id", "text"]):
            rows = np.empty(len(batch), _HASH)
            rows["hash"] = text_hashes(batch["text"])
            rows["sentence_id"] = batch["sentence_id"].to_numpy()
            rows["apparatus"] = pc.is_in(batch["paragraph_id"], apparatus).to_numpy(zero_copy_only=False)
            found.append(rows)
    rows = np.concatenate(found)
    rows = rows[np.argsort(rows["hash"], kind="stable")]
    path = build.work / "hashes" / f"{number:05d}.npy"
    with replacing(path) as temporary, temporary.open("wb") as written:
        np.save(written, rows)
    return describe_part(path, build.output, rows=len(rows))


def text_hashes(texts: pa.Array) -> Numbers:
    """Return 64 bits of BLAKE2b of every text: two different texts of a corpus hardly ever share them."""
    blake2b = hashlib.blake2b
    encoded = texts.cast(pa.binary()).to_pylist()
    digests = [blake2b(text, digest_size=8).digest() for text in encoded]
    return np.frombuffer(b"".join(digests), "<u8")


def repeats_step(build: Build, hashes: Sequence[Part]) -> Step[FoundRepeats]:
    """Return the step that finds the repeats among the sentences of all page ranges."""
    return build.step("repeats.json", FoundRepeats, "repeats", hashes)


def count_looks(hashes: Sequence[Part]) -> int:
    """Return in how many pieces the sentences are looked at."""
    return max(1, -(-sum(part.rows for part in hashes) // HASHES_AT_ONCE))


def find_repeats(
    build: Build, hashes: Sequence[Part], looked: Callable[[], object] = lambda: None
) -> FoundRepeats:
    """Write the table of repeats, unless that is done already.

    Of equal sentences the first that stands in no apparatus is none, or the first of all.

    Args:
        hashes: what `write_hashes` gave for every page range, in their order.
        looked: called behind each of `count_looks` pieces.
    """
    step = repeats_step(build, hashes)
    with explain_file_errors(build.output):
        return step.run(lambda: _find_repeats(build, hashes, looked))


def _find_repeats(build: Build, hashes: Sequence[Part], looked: Callable[[], object]) -> FoundRepeats:
    files = [_Pieces(build.output / part.file, _HASH) for part in hashes]
    pieces = count_looks(hashes)
    bounds = np.array([(1 << 64) * number // pieces for number in range(1, pieces)], np.uint64)
    last_ids = []
    for file in files:
        rows = file.read()
        file.cut(rows["hash"], bounds, "left")
        last_ids.append(int(rows["sentence_id"].max()))
    texts = in_apparatus = 0
    frequent: list[tuple[int, int]] = []
    repeats = []
    for number in range(pieces):
        rows = np.concatenate([file.piece(number) for file in files] or [np.empty(0, _HASH)])
        pairs, found = _repeats_among(rows)
        texts += found.texts
        in_apparatus += found.in_apparatus
        frequent = sorted([*frequent, *found.frequent], key=_most_first)[:MOST_FREQUENT_SHOWN]
        path = build.work / "hashes" / f"repeats-{number:05d}.npy"
        with replacing(path) as temporary, temporary.open("wb") as written:
            np.save(written, pairs)
        repeats.append(_Pieces(path, _PAIR))
        repeats[-1].cut(pairs["sentence_id"], np.array(last_ids[:-1], np.int64), "right")
        looked()
    return FoundRepeats(
        _write_parts(build, hashes, repeats), texts, in_apparatus, _with_texts(build, hashes, frequent)
    )


@dataclass
class _Pieces:
    """An array in a file, of which one piece after another is read."""

    path: Path
    kind: np.dtype[np.void]
    ends: list[int] = field(default_factory=list)
    """Row behind each piece."""

    def cut(self, key: npt.NDArray[Any], bounds: npt.NDArray[Any], side: Literal["left", "right"]) -> None:
        """Take note of where the pieces end: at each of the bounds of the `key`, by which the rows are sorted."""
        self.ends = [*np.searchsorted(key, bounds, side).tolist(), len(key)]

    def read(self) -> npt.NDArray[np.void]:
        """Return all rows."""
        return np.asarray(np.load(self.path))

    def piece(self, number: int) -> npt.NDArray[np.void]:
        """Return the rows of a piece."""
        start, end = self.ends[number - 1] if number else 0, self.ends[number]
        with self.path.open("rb") as file:
            file.seek((start - self.ends[-1]) * self.kind.itemsize, os.SEEK_END)
            return np.frombuffer(file.read((end - start) * self.kind.itemsize), self.kind)


@dataclass(frozen=True)
class _Found:
    texts: int
    in_apparatus: int
    frequent: list[tuple[int, int]]
    """How often, and where first, of the most frequent texts."""


def _most_first(text: tuple[int, int]) -> tuple[int, int]:
    return -text[0], text[1]


def _repeats_among(rows: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.void], _Found]:
    """Return sentences with those that they repeat, by id, and what was counted."""
    rows = rows[np.lexsort((rows["sentence_id"], rows["apparatus"], rows["hash"]))]
    starts = np.flatnonzero(np.concatenate([[True], rows["hash"][1:] != rows["hash"][:-1]])[: len(rows)])
    sizes = np.diff(np.append(starts, len(rows)))
    first = np.repeat(starts, sizes)
    repeats = first != np.arange(len(rows))
    pairs = np.empty(int(repeats.sum()), _PAIR)
    pairs["sentence_id"] = rows["sentence_id"][repeats]
    pairs["first_id"] = rows["sentence_id"][first[repeats]]
    several = np.flatnonzero(sizes > 1)
    counts, ids = sizes[several], rows["sentence_id"][starts[several]]
    top = np.lexsort((ids, -counts))[:MOST_FREQUENT_SHOWN]
    frequent = list(zip(counts[top].tolist(), ids[top].tolist(), strict=True))
    found = _Found(len(several), int(rows["apparatus"][repeats].sum()), frequent)
    return pairs[np.argsort(pairs["sentence_id"])], found


def _write_parts(build: Build, hashes: Sequence[Part], repeats: Sequence[_Pieces]) -> list[Part]:
    """Write a part of the table of repeats for every part of the sentences that holds some."""
    parts = []
    for number, part in enumerate(hashes):
        own = np.concatenate([file.piece(number) for file in repeats])
        if not len(own):
            continue
        own = own[np.argsort(own["sentence_id"])]
        columns = [pa.array(np.ascontiguousarray(own[name])) for name in REPEATS.names]
        path = part_path(build.output, "repeats", int(Path(part.file).stem))
        with replacing(path) as temporary:
            pq.write_table(
                pa.table(columns, schema=REPEATS),
                temporary,
                compression="zstd",
                row_group_size=ROWS_PER_GROUP["redirects"],
                use_dictionary=False,
                column_encoding="DELTA_BINARY_PACKED",
            )
        parts.append(describe_part(path, build.output))
    return parts


def _with_texts(
    build: Build, hashes: Sequence[Part], frequent: Sequence[tuple[int, int]]
) -> list[RepeatedText]:
    """Return the most frequent texts themselves."""
    files = [part_path(build.output, "sentences", int(Path(part.file).stem)) for part in hashes]
    rows = Rows(files, ["text"], key="sentence_id").fetch(sentence for _, sentence in frequent)
    return [RepeatedText(rows[sentence]["text"], count) for count, sentence in frequent]
