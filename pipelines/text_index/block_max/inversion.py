"""Builds the index in steps that survive a kill: words by unit, one vocabulary, lists by unit, everything joined.

What a step makes depends on the snapshot alone, not on the number of workers: the same files, byte for byte. At no
time more than one unit (a quarter of a million sentences), a range of the vocabulary, some bytes for each of its words
and some megabytes of lists are in memory; what else is counted as such are pages of files, which the system takes back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.store import Part, Step, describe_part, fingerprint, write_atomically
from pipelines.text_index.block_max.coding import SPARE
from pipelines.text_index.block_max.files import GROUP, Sizes, load_arrays, save_arrays
from pipelines.text_index.block_max.inversion_kernels import (
    code_vocabulary,
    invert,
    join_lists,
    lay_out_lists,
    measure_lists,
    numbers_of,
)
from pipelines.text_index.block_max.older_words import OlderIndex, split_with_older
from pipelines.text_index.block_max.scoring import norms
from pipelines.text_index.block_max.tokens import (
    SentenceUnit,
    UnitWords,
    load_words,
    read_sentences,
    save_words,
    split_into_words,
)

__all__ = ["Inversion", "invert_sentences", "map_here"]

DENSE_SHARE = 0.03
"""A word in more than this share of the sentences has a bound for every block."""
COMMON_SHARE = 0.004
"""A word in more than this share of them has entries that stand together by stretch."""
_JOINED_BYTES = 48 << 20
_RANGE_WORDS = 1 << 19
"""Words of all units' vocabularies that are joined at a time; and words that are written at a time."""
_SAMPLED = 1 << 10

Map = Callable[..., list[Any]]
"""`Engine.map`, or what does the same in this process."""
Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _Words:
    """What the first step says of a unit."""

    file: Part
    sentences: int
    words: int
    taken: int = 0
    """Sentences whose words an older index gave."""


@dataclass(frozen=True, slots=True)
class _Lists:
    """What the third step says of a unit."""

    file: Part
    sentences: int
    blocks: int


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """What the second step says."""

    file: Part
    sizes: Sizes


@dataclass(frozen=True)
class Inversion:
    """A build of an index: where its steps keep what they make, and what decides it. It can be sent to workers."""

    work: Path
    """Folder of what is needed on the way only."""
    inputs: str
    """Fingerprint of the snapshot and of everything else that decides the words."""
    dense_share: float = DENSE_SHARE
    common_share: float = COMMON_SHARE
    older: OlderIndex | None = None
    """Where words of unchanged sentences come from; it decides nothing."""

    def words_step(self, unit: SentenceUnit) -> Step[_Words]:
        """Return the step that splits the sentences of a unit into words."""
        inputs = fingerprint(self.inputs, unit.number, unit.first_group, unit.groups)
        return Step(self.work / f"words-{unit.number:05d}.json", inputs, _Words, self.work)

    def taken(self, units: Sequence[SentenceUnit]) -> int:
        """Return of how many sentences an older index gave the words, where all units are split."""
        found = (self.words_step(unit).result() for unit in units)
        return sum(unit.taken for unit in found if unit is not None)

    def vocabulary_step(self, words: Sequence[_Words]) -> Step[_Vocabulary]:
        """Return the step that joins the units' vocabularies."""
        inputs = fingerprint(words, self.dense_share, self.common_share)
        return Step(self.work / "vocabulary.json", inputs, _Vocabulary, self.work)

    def lists_step(self, vocabulary: _Vocabulary, unit: SentenceUnit) -> Step[_Lists]:
        """Return the step that inverts a unit."""
        inputs = fingerprint(self.inputs, vocabulary, unit.number)
        return Step(self.work / f"lists-{unit.number:05d}.json", inputs, _Lists, self.work)


def invert_sentences(
    inversion: Inversion, units: Sequence[SentenceUnit], folder: Path, apply: Map, done: Done = lambda _: None
) -> Sizes:
    """Write the index' arrays (`files.Arrays`) of all sentences of the units into `folder`.

    Args:
        inversion: where to work; what is finished there is not done again.
        units: from `tokens.plan_units`.
        apply: maps a step over the units.
        done: is told how much is done, in fifths of a sentence: four when it is split into words.

    Raises:
        OSError: a file cannot be read or written.
    """
    inversion.work.mkdir(parents=True, exist_ok=True)
    tally = 0

    def add(fifths: int) -> None:
        nonlocal tally
        tally += fifths
        done(tally)

    words = apply(
        partial(_split, inversion),
        units,
        finished=lambda unit: inversion.words_step(unit).result(),
        label="Words",
        arrived=lambda result: add(4 * result.sentences),
    )
    add(4 * sum(unit.sentences for unit in words) - tally)  # what an earlier build has done is done, too
    vocabulary = inversion.vocabulary_step(words).run(partial(_join_vocabularies, inversion, words))
    sizes = vocabulary.sizes
    lists = apply(
        partial(_invert, inversion, vocabulary),
        units,
        finished=lambda unit: inversion.lists_step(vocabulary, unit).result(),
        label="Lists",
        arrived=lambda result: add(result.sentences),
    )
    add(5 * sizes.sentences - tally)
    sizes = replace(sizes, blocks=sum(unit.blocks for unit in lists))
    _write_vocabulary(inversion.work / vocabulary.file.file, folder)
    _join(inversion, lists, sizes, folder)
    return sizes


def map_here(
    step: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    finished: Callable[[Any], Any],
    label: str,  # noqa: ARG001
    arrived: Callable[[Any], None],
) -> list[Any]:
    """Do what `Engine.map` does in this process."""
    results = []
    for item in items:
        result = finished(item)
        if result is None:
            result = step(item)
            arrived(result)
        results.append(result)
    return results


def _split(inversion: Inversion, unit: SentenceUnit) -> _Words:
    def work() -> _Words:
        if inversion.older is not None and unit.before is not None:
            found, taken = split_with_older(unit, unit.before, inversion.older)
        else:
            found, taken = split_into_words(read_sentences(unit)), 0
        path = inversion.work / f"words-{unit.number:05d}.arrow"
        write_atomically(path, lambda temporary: save_words(temporary, found))
        part = describe_part(path, inversion.work, rows=0)
        return _Words(part, len(found.counts), len(found.words), taken)

    return inversion.words_step(unit).run(work)


def _join_vocabularies(inversion: Inversion, words: Sequence[_Words]) -> _Vocabulary:
    """Number all words: those that most sentences hold first."""
    units = [load_words(inversion.work / unit.file.file) for unit in words]
    scratch = inversion.work / "vocabulary.words"
    lengths, counts = [np.zeros(1, np.int64)], [np.empty(0, np.uint32)]
    with scratch.open("wb") as file:
        for joined in _joined_ranges(units):
            data, begins = _bytes_of(joined["word"].combine_chunks())
            file.write(data[begins[0] : begins[-1]].data)
            lengths.append(np.diff(begins))
            counts.append(joined["holding"].to_numpy().astype(np.uint32))
    places, holding = np.cumsum(np.concatenate(lengths)), np.concatenate(counts)
    del lengths, counts
    order = np.argsort(np.uint32(2**32 - 1) - holding, kind="stable")
    numbers = np.empty(len(order), np.uint32)
    numbers[order] = np.arange(len(order), dtype=np.uint32)
    by_number = holding[order]
    del order, holding
    sentences = sum(unit.sentences for unit in words)
    dense, common = (
        int(np.count_nonzero(by_number > share * sentences))
        for share in (inversion.dense_share, inversion.common_share)
    )
    path = inversion.work / "vocabulary.arrow"
    data = np.memmap(scratch, np.uint8, "r") if places[-1] else np.empty(0, np.uint8)
    arrays = {"words": data, "places": places, "numbers": numbers, "holding": by_number}
    write_atomically(path, lambda temporary: save_arrays(temporary, arrays))
    scratch.unlink()
    sizes = Sizes(
        sentences, 0, len(numbers), sum(unit.words for unit in words), dense, max(common - dense, 0)
    )
    return _Vocabulary(describe_part(path, inversion.work, rows=0), sizes)


def _joined_ranges(units: Sequence[UnitWords]) -> Iterator[pa.Table]:
    """Yield all different words in the order of their bytes, range by range, and how many sentences hold each."""
    sampled = [unit.vocabulary.take(pa.array(np.arange(0, len(unit.vocabulary), _SAMPLED))) for unit in units]
    samples = pa.concat_arrays([pa.array([], pa.large_binary()), *sampled])
    ordered = samples.take(pc.sort_indices(samples))
    cuts = ordered.take(pa.array(np.arange(0, len(ordered), max(_RANGE_WORDS // _SAMPLED, 1)))).to_pylist()[
        1:
    ]
    firsts = [0] * len(units)
    for cut in [*cuts, None]:
        parts = []
        for number, unit in enumerate(units):
            first, last = firsts[number], len(unit.vocabulary)
            if cut is not None:
                last = bisect_left(unit.vocabulary, cut, first, key=lambda word: word.as_py())
            holding = pa.array(unit.holding[first:last].astype(np.int64))
            parts.append(pa.table({"word": unit.vocabulary[first:last], "holding": holding}))
            firsts[number] = last
        summed = pa.concat_tables(parts).group_by("word", use_threads=False).aggregate([("holding", "sum")])
        joined = summed.take(pc.sort_indices(summed["word"])).select(["word", "holding_sum"])
        yield joined.rename_columns(["word", "holding"])


def _bytes_of(words: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the bytes of words, and where each begins, with one more for the end, without copying them."""
    if not len(words):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    _, places, data = words.buffers()
    begins = np.frombuffer(places, np.int64)[words.offset : words.offset + len(words) + 1]
    return np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8), begins


def _invert(inversion: Inversion, vocabulary: _Vocabulary, unit: SentenceUnit) -> _Lists:
    def work() -> _Lists:
        found = load_words(inversion.words_step(unit).folder / f"words-{unit.number:05d}.arrow")
        everything = load_arrays(inversion.work / vocabulary.file.file)
        numbers = numbers_of(
            *_bytes_of(found.vocabulary),
            *(everything[name].to_numpy() for name in ("words", "places", "numbers")),
        )
        sizes = vocabulary.sizes
        arrays = invert(
            found.words,
            found.counts,
            found.sentences,
            numbers,
            np.argsort(numbers),
            norms(sizes.words, sizes.sentences),
            sizes.dense,
            sizes.common,
        )
        path = inversion.work / f"lists-{unit.number:05d}.arrow"
        named = {name: array.ravel() for name, array in zip(_UNIT_ARRAYS, arrays, strict=True)}
        write_atomically(path, lambda temporary: save_arrays(temporary, named))
        return _Lists(
            describe_part(path, inversion.work, rows=0), len(found.counts), len(named["block_places"])
        )

    return inversion.lists_step(vocabulary, unit).run(work)


_UNIT_ARRAYS = (
    "blocks",
    "block_places",
    "identities",
    "identity_places",
    "dense",
    "common",
    "common_ends",
    "common_sizes",
    "list_numbers",
    "list_places",
    "list_blocks",
    "lists",
)

_PADDING = np.zeros(SPARE, np.uint8)


def _write_vocabulary(file: Path, folder: Path) -> None:
    arrays = {name: array.to_numpy() for name, array in load_arrays(file).items()}
    step = _RANGE_WORDS // GROUP * GROUP
    places, written = [], 0
    with (folder / "vocabulary.bin").open("wb") as output:
        for first in range(0, len(arrays["numbers"]), step):
            coded, begins = code_vocabulary(
                arrays["words"], arrays["places"][first : first + step + 1], GROUP
            )
            output.write(coded.data)
            places.append(begins[:-1] + written)
            written += len(coded)
        output.write(_PADDING.data)
    _write(folder, "vocabulary_places", [*places, np.array([written])])
    _write(folder, "numbers", [arrays["numbers"]])
    holding = arrays["holding"]
    firsts = np.flatnonzero(np.append(True, holding[1:] != holding[:-1])[: len(holding)])
    _write(folder, "holding", [np.stack([holding[firsts].astype(np.int64), firsts], axis=1)])


def _join(inversion: Inversion, lists: Sequence[_Lists], sizes: Sizes, folder: Path) -> None:
    """Write what the units have made one behind the other."""
    units = [
        {name: array.to_numpy() for name, array in load_arrays(inversion.work / unit.file.file).items()}
        for unit in lists
    ]
    for name, begins in (("blocks", "block_places"), ("identities", "identity_places")):
        _write(folder, name, (*(unit[name] for unit in units), _PADDING))
        starts = np.cumsum([0, *(len(unit[name]) for unit in units)])
        moved = (unit[begins] + start for unit, start in zip(units, starts, strict=False))
        _write(folder, begins, chain(moved, [starts[-1:]]))
    rows = (unit["dense"].reshape(sizes.dense, -1)[word] for word in range(sizes.dense) for unit in units)
    _write(folder, "dense", rows)
    _join_common(units, sizes.common, folder)
    places_of_lists, written = [], 0
    with (folder / "lists.bin").open("wb") as file:
        for joined, places in _joined_lists(units, sizes):
            file.write(joined.data)
            places_of_lists.append(places + written)
            written += len(joined)
        file.write(_PADDING.data)
    _write(folder, "list_places", [*places_of_lists, np.array([written])])


def _join_common(units: Sequence[dict[str, npt.NDArray[Any]]], words: int, folder: Path) -> None:
    """Write the entries of every common word, unit by unit, where each word's begin, and where each stretch ends."""
    sizes = np.array([unit["common_sizes"] for unit in units], np.int64).reshape(len(units), words)
    _write(folder, "common_places", [np.cumsum([0, *sizes.sum(axis=0)], dtype=np.int64)])
    before = np.cumsum(sizes, axis=0) - sizes
    if (before + sizes).max(initial=0) >= 1 << 32:
        raise ValueError("the entries of one word take more than 4 GB; cut the corpus into several")
    ends = (
        unit["common_ends"].reshape(words, -1)[word] + before[number, word].astype(np.uint32)
        for word in range(words)
        for number, unit in enumerate(units)
    )
    _write(folder, "common_ends", ends)
    firsts = np.cumsum(sizes, axis=1) - sizes
    data = (
        unit["common"][firsts[number, word] : firsts[number, word] + sizes[number, word]]
        for word in range(words)
        for number, unit in enumerate(units)
    )
    _write(folder, "common", (*data, _PADDING))


def _joined_lists(
    units: Sequence[dict[str, npt.NDArray[Any]]], sizes: Sizes
) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    """Yield the lists of some words one after the other, and where every `GROUP`th begins."""
    first_blocks = np.cumsum([0, *(len(unit["block_places"]) for unit in units)])
    first = sizes.dense + sizes.common
    for last in _word_ranges(units, sizes):
        slices = [
            _words_between(unit, first, last, int(block))
            for unit, block in zip(units, first_blocks, strict=False)
        ]
        lengths = np.zeros(last - first, np.int64)
        latest = np.zeros(last - first, np.int64)
        for part in slices:
            measure_lists(first, lengths, latest, *part)
        joined, starts, places = lay_out_lists(lengths, GROUP)
        latest[:] = 0
        for part in slices:
            join_lists(joined, first, starts, latest, *part)
        yield joined, places
        first = last


def _words_between(unit: dict[str, npt.NDArray[Any]], first: int, last: int, block: int) -> tuple[Any, ...]:
    """Return a unit's lists of the words from `first` up to `last`, as the kernels take them."""
    start, end = np.searchsorted(unit["list_numbers"], (first, last))
    places = unit["list_places"][start : end + 1]
    return (
        unit["list_numbers"][start:end],
        places,
        unit["list_blocks"][start:end],
        unit["lists"][places[0] : places[-1]],
        block,
    )


def _word_ranges(units: Sequence[dict[str, npt.NDArray[Any]]], sizes: Sizes) -> Iterator[int]:
    """Yield the ends of ranges of words whose lists take some megabytes together."""
    # The first ones are the longest.
    first, short, long = sizes.dense + sizes.common, 4 * GROUP, 256 * GROUP
    if first == sizes.terms:
        return
    change = first + 4 * long
    bounds = np.append(
        np.arange(first, change, short), np.arange(change, max(change, sizes.terms) + long, long)
    )
    bytes_before = np.zeros(len(bounds), np.int64)
    for unit in units:
        bytes_before += unit["list_places"][np.searchsorted(unit["list_numbers"], bounds)]
    written = 0
    for place in range(1, len(bounds)):
        last = min(int(bounds[place]), sizes.terms)
        is_last = last == sizes.terms
        if is_last or bytes_before[min(place + 1, len(bounds) - 1)] - written > _JOINED_BYTES:
            yield last
            written = int(bytes_before[place])
        if is_last:
            return


def _write(folder: Path, name: str, arrays: Iterable[Any]) -> None:
    with (folder / f"{name}.bin").open("wb") as file:
        for array in arrays:
            file.write(np.ascontiguousarray(array).data)
