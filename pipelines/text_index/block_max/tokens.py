"""The first step of a build, unit by unit: sentences become numbers of words in a vocabulary of the unit's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.store import open_parquet, read_footer
from pipelines.text_index.analysis import analyser, foldable
from pipelines.text_index.block_max.files import load_arrays, save_arrays
from pipelines.text_index.block_max.inversion_kernels import count_holding
from pipelines.text_index.indexed_rows import LeftOut

__all__ = [
    "RowsBefore",
    "SentenceUnit",
    "UnitWords",
    "load_words",
    "plan_units",
    "read_batches",
    "read_sentences",
    "save_words",
    "split_into_words",
]

LONGEST_WORD = (1 << 16) - 6
"""Bytes; a longer word is not indexed (as in tantivy, whose analyser splits the text)."""
ROWS_PER_UNIT = 1 << 18
_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class RowsBefore:
    """Where an older snapshot has the rows of a unit, as far as it has them."""

    files: tuple[Path, ...]
    """The parts of its table of sentences with ids of the unit's range."""
    same: bool
    """Whether the unit's own part is one of the older snapshot, so that nothing in it has changed."""


@dataclass(frozen=True, slots=True)
class SentenceUnit:
    """Some row groups of a part of the table of sentences: what one step of the build works on."""

    number: int
    file: Path
    first_group: int
    groups: int
    left_out: LeftOut = field(default_factory=LeftOut)
    """What tells which of its sentences are not indexed."""
    before: RowsBefore | None = None
    """Where an older index is at hand: what it was made of."""


@dataclass(frozen=True, slots=True)
class UnitWords:
    """The words of a unit's sentences."""

    vocabulary: pa.Array
    """Different words as bytes, ascending."""
    holding: npt.NDArray[np.uint32]
    """How many of the unit's sentences hold each word."""
    sentences: npt.NDArray[np.int64]
    """Ids, ascending."""
    counts: npt.NDArray[np.uint32]
    """Words of each sentence."""
    words: npt.NDArray[np.uint32]
    """Of one sentence after the other: places in `vocabulary`."""


def plan_units(
    files: Iterable[Path],
    *,
    rows: int = ROWS_PER_UNIT,
    left_out: Callable[[Path], LeftOut] = lambda _: LeftOut(),
    before: Callable[[Path], RowsBefore | None] = lambda _: None,
) -> list[SentenceUnit]:
    """Cut the parts of the table of sentences into units of about so many rows; it depends on the files alone.

    Args:
        rows: sentences of a unit; it ends with the row group that reaches them.
        left_out: gives what tells which sentences of a part are not indexed.
        before: gives where an older snapshot has the rows of a part.
    """
    units: list[SentenceUnit] = []
    for file in files:
        metadata = read_footer(file)
        first = size = 0
        for group in range(metadata.num_row_groups):
            size += metadata.row_group(group).num_rows
            if size >= rows or group == metadata.num_row_groups - 1:
                units.append(
                    SentenceUnit(len(units), file, first, group + 1 - first, left_out(file), before(file))
                )
                first, size = group + 1, 0
    return units


def read_sentences(unit: SentenceUnit) -> Iterator[tuple[npt.NDArray[np.int64], list[str]]]:
    """Yield ids and texts of a unit's sentences, some thousand at a time."""
    for batch in read_batches(unit, ["sentence_id", "text"]):
        yield batch["sentence_id"].to_numpy(), batch["text"].to_pylist()


def read_batches(unit: SentenceUnit, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns (and perhaps others) of those of a unit's sentences that are indexed, some thousand at a time."""
    groups = list(range(unit.first_group, unit.first_group + unit.groups))
    wanted = list(dict.fromkeys([*columns, *unit.left_out.columns()]))
    with open_parquet(unit.file) as file:
        batches = file.iter_batches(_BATCH_ROWS, row_groups=groups, columns=wanted, use_threads=False)
        yield from unit.left_out.filter(batches)


class _Numbers(dict[str, int]):
    """Gives every new word the next number."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


def split_into_words(
    batches: Iterable[tuple[npt.NDArray[np.int64], list[str]]], done: Callable[[int], None] = lambda _: None
) -> UnitWords:
    """Analyse sentences; `done` is told after each batch how many there were."""
    analyse = analyser().analyze
    numbers = _Numbers()
    ids, counts, words = [np.empty(0, np.int64)], [np.empty(0, np.uint32)], [np.empty(0, np.uint32)]
    for sentences, texts in batches:
        found: list[int] = []
        sizes: list[int] = []
        for text in texts:
            terms = analyse(foldable(text))
            if len(text) > LONGEST_WORD // 4:
                terms = [term for term in terms if len(term.encode()) <= LONGEST_WORD]
            found += [numbers[term] for term in terms]
            sizes.append(len(terms))
        ids.append(sentences)
        counts.append(np.array(sizes, np.uint32))
        words.append(np.array(found, np.uint32))
        done(len(texts))
    vocabulary = pa.array([word.encode() for word in numbers], pa.large_binary())
    order = _order(vocabulary)
    place_of = np.empty(len(order), np.uint32)
    place_of[order] = np.arange(len(order), dtype=np.uint32)
    all_counts, all_words = np.concatenate(counts), np.concatenate(words)
    all_words = place_of[all_words] if len(order) else all_words
    return UnitWords(
        vocabulary.take(pa.array(order)),
        count_holding(all_words, all_counts, len(order)),
        np.concatenate(ids),
        all_counts,
        all_words,
    )


def _order(vocabulary: pa.Array) -> npt.NDArray[np.int64]:
    order: npt.NDArray[np.int64] = pc.sort_indices(vocabulary).to_numpy()
    return order


def save_words(path: Path, unit: UnitWords) -> None:
    """Write what `load_words` reads: the same words, the same bytes."""
    save_arrays(path, {array.name: getattr(unit, array.name) for array in fields(UnitWords)})


def load_words(path: Path) -> UnitWords:
    """Map the words of a unit into memory.

    Raises:
        OSError: the file cannot be read.
        pyarrow.ArrowInvalid: it is damaged.
    """
    arrays = load_arrays(path)
    vocabulary = arrays.pop("vocabulary")
    return UnitWords(vocabulary=vocabulary, **{name: array.to_numpy() for name, array in arrays.items()})
