"""Words of sentences that have not changed, taken over from the index of an older snapshot.

Which words a sentence has depends on its text alone. So a sentence has the words that the older index
holds of one with the same text; sentences with a new text are analysed. What follows (numbers of words, blocks,
bounds) depends on the whole corpus and is computed anew, so that the result is that of a build from nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.store import list_row_groups, write_atomically
from pipelines.text_index.block_max.files import GROUP, Sizes, load_arrays, open_arrays, save_arrays
from pipelines.text_index.block_max.inversion_kernels import (
    count_holding,
    decode_vocabulary,
    gather_words,
)
from pipelines.text_index.block_max.sentence_words import take_words
from pipelines.text_index.block_max.tokens import (
    RowsBefore,
    SentenceUnit,
    UnitWords,
    read_batches,
    split_into_words,
)

__all__ = ["OlderIndex", "split_with_older", "write_older_vocabulary"]

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OlderIndex:
    """The index of an older snapshot, undamaged. It can be sent to workers."""

    folder: Path
    sizes: Sizes
    vocabulary: Path
    """The file that `write_older_vocabulary` wrote."""


def write_older_vocabulary(folder: Path, sizes: Sizes, path: Path) -> None:
    """Write the words of an index in the order of their bytes, and the place of each number's word among them."""
    arrays = open_arrays(folder, sizes)
    data, begins = decode_vocabulary(arrays.vocabulary, arrays.vocabulary_places, GROUP, sizes.terms)
    words = pa.Array.from_buffers(
        pa.large_binary(), sizes.terms, [None, pa.py_buffer(begins), pa.py_buffer(data)]
    )
    places = np.empty(sizes.terms, np.uint32)
    places[arrays.numbers] = np.arange(sizes.terms, dtype=np.uint32)
    write_atomically(path, lambda temporary: save_arrays(temporary, {"words": words, "places": places}))


def split_with_older(unit: SentenceUnit, before: RowsBefore, older: OlderIndex) -> tuple[UnitWords, int]:
    """Return what `split_into_words` returns of a unit, and how many of its sentences the older index gave.

    The words of a sentence may stand in another order.

    Raises:
        OSError, pyarrow.ArrowException: a file of either snapshot cannot be read.
    """
    ids, texts = _read(unit, with_texts=not before.same)
    twins = ids if texts is None else _find_twins(ids, texts, before.files)
    wanted = np.unique(twins[twins >= 0])
    arrays = open_arrays(older.folder, older.sizes)
    counts, numbers = take_words(arrays, wanted)
    sources = np.searchsorted(wanted, twins)
    sources[twins < 0] = -1
    sources[sources >= 0] = np.where(counts[sources[sources >= 0]] < 0, -1, sources[sources >= 0])
    others = np.flatnonzero(sources < 0)
    if len(others) and texts is None:  # the older index left them out
        texts = _read(unit, with_texts=True)[1]
    rest = (
        [(ids[others], texts.take(pa.array(others)).to_pylist())] if texts is not None and len(others) else []
    )
    found = split_into_words(rest)
    return _joined(ids, sources, counts, numbers, found, older), len(ids) - len(others)


def _read(unit: SentenceUnit, *, with_texts: bool) -> tuple[Ids, pa.LargeStringArray | None]:
    """Return the ids of a unit's sentences, and their texts where they are wanted."""
    ids, texts = [np.empty(0, np.int64)], [pa.array([], pa.large_string())]
    for batch in read_batches(unit, ["sentence_id", "text"] if with_texts else ["sentence_id"]):
        ids.append(batch["sentence_id"].to_numpy())
        if with_texts:
            texts.append(batch["text"].cast(pa.large_string()))
    return np.concatenate(ids), pa.concat_arrays(texts) if with_texts else None


def _find_twins(ids: Ids, texts: pa.LargeStringArray, files: Sequence[Path]) -> Ids:
    """Return for every sentence the id of one with the same text in the older snapshot, or -1.

    It is the sentence of the same id, or one whose own text is another now: sentences move within a page that changes.
    """
    ids_before, texts_before = _read_between(files, ids[0], ids[-1]) if len(ids) else (ids, texts)
    twins = np.full(len(ids), -1, np.int64)
    if not len(ids_before):
        return twins
    places = np.minimum(np.searchsorted(ids_before, ids), len(ids_before) - 1)
    same = np.flatnonzero(ids_before[places] == ids)
    equal = pc.equal(texts.take(pa.array(same)), texts_before.take(pa.array(places[same])))
    same = same[equal.to_numpy(zero_copy_only=False)]
    twins[same] = ids[same]
    others = np.flatnonzero(twins < 0)
    if len(others):
        moved = np.ones(len(ids_before), bool)
        moved[places[same]] = False
        ids_moved, texts_moved = ids_before[moved], texts_before.filter(pa.array(moved))
        found = pc.fill_null(pc.index_in(texts.take(pa.array(others)), value_set=texts_moved), -1).to_numpy()
        twins[others] = np.where(found < 0, -1, np.append(ids_moved, -1)[found])
    return twins


def _read_between(files: Sequence[Path], first: int, last: int) -> tuple[Ids, pa.LargeStringArray]:
    """Return ids and texts of the row groups of parts that have ids from `first` to `last`."""
    groups = list_row_groups(files, "sentence_id")
    inside = (groups["last_id"].to_numpy() >= first) & (groups["first_id"].to_numpy() <= last)
    parts, numbers = groups["part"].to_numpy()[inside], groups["row_group"].to_numpy()[inside]
    ids, texts = [np.empty(0, np.int64)], [pa.array([], pa.large_string())]
    for part in np.unique(parts):
        with pq.ParquetFile(files[part]) as file:
            wanted = numbers[parts == part].tolist()
            rows = file.read_row_groups(wanted, columns=["sentence_id", "text"], use_threads=False)
        ids.append(rows["sentence_id"].to_numpy())
        texts += rows["text"].cast(pa.large_string()).chunks
    return np.concatenate(ids), pa.concat_arrays(texts)


def _joined(
    ids: Ids,
    sources: Ids,
    counts: Ids,
    numbers: npt.NDArray[np.uint32],
    others: UnitWords,
    older: OlderIndex,
) -> UnitWords:
    """Join the words of known sentences, by their numbers in the older index, with those of the others.

    Args:
        ids: of all sentences.
        sources, counts, numbers: see `gather_words`.
    """
    arrays = load_arrays(older.vocabulary)
    places = arrays["places"].to_numpy()[numbers]
    used = np.zeros(older.sizes.terms, bool)
    used[places] = True
    known = arrays["words"].take(pa.array(np.flatnonzero(used)))
    words = (np.cumsum(used, dtype=np.uint32) - np.uint32(1))[places]
    found = pc.index_in(others.vocabulary, value_set=known)
    is_new = pc.is_null(found).to_numpy(zero_copy_only=False)
    numbered = pc.fill_null(found, 0).to_numpy().astype(np.uint32)
    numbered[is_new] = len(known) + np.arange(is_new.sum(), dtype=np.uint32)
    vocabulary = pa.concat_arrays([known, others.vocabulary.filter(pa.array(is_new))])
    order = pc.sort_indices(vocabulary).to_numpy()
    place_of = np.empty(len(order), np.uint32)
    place_of[order] = np.arange(len(order), dtype=np.uint32)
    all_counts, all_words = gather_words(
        sources, counts, place_of[words], others.counts, place_of[numbered[others.words]]
    )
    return UnitWords(
        vocabulary.take(pa.array(order)),
        count_holding(all_words, all_counts, len(order)),
        ids,
        all_counts,
        all_words,
    )
