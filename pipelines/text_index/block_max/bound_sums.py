"""Upper bounds of scores: added up by block for the words of a query, then by sentence where a block may matter.

All sums have 16 bits: a bound of a word counts `step` 256ths, rounded down, so that no sum of a query overflows.
"""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.text_index.block_max.block_scores import bytes_of_stretch
from pipelines.text_index.block_max.coding import (
    BLOCK,
    LEVELS,
    MANY,
    STRETCH,
    entries_of_stretch,
    entry_end,
    read_number,
)
from pipelines.text_index.block_max.compiling import lean

__all__ = ["WINDOW", "Seen", "add_up", "add_up_by_sentence", "largest"]

WINDOW = 1 << 12
"""Blocks whose bounds are added up at once, some stretches: their sums stay in the first cache."""


class Seen(NamedTuple):
    """Room for what `add_up` sees of a window, for `add_up_by_sentence`."""

    blocks: npt.NDArray[np.uint16]
    """Of the entries of all lists, the block in the window,"""
    sentences: npt.NDArray[np.uint8]
    """a bit for each of its sentences that holds the word,"""
    bounds: npt.NDArray[np.uint16]
    """and what was added."""
    places: npt.NDArray[np.uint16]
    """[`WINDOW`]: of a block that is looked at, its place among these plus 1; 0 for all others."""
    sums: npt.NDArray[np.uint16]
    """[`WINDOW`, 8]: of a block that is looked at, a sum for each sentence."""


@lean
def _add_dense(sums, bounds, step):
    for place in range(len(sums)):
        sums[place] += np.uint16((np.uint32(bounds[place]) * np.uint32(step)) >> np.uint32(8))


@lean
def largest(sums):
    """Return the largest of some sums."""
    most = np.uint16(0)
    for place in range(len(sums)):
        most = max(most, sums[place])
    return most


@lean
def _add_common(sums, start, data, place, end, step):
    """Add the bounds of a common word's entries in a stretch that begins at `start` in the window."""
    count = entries_of_stretch(data, place, end)
    for at in range(place + 1, place + 1 + count):
        bound = np.uint32(data[at + count])
        sums[start + np.int64(data[at])] += np.uint16((bound * np.uint32(step)) >> np.uint32(8))


@lean
def _add_list(sums, start, data, place, end, block, step, seen, count):
    """Add the bounds of a list's entries in the window that begins at block `start`.

    `block` is that of the entry before `place`; returned are the place behind the last entry added, its block, and
    how many entries were seen, with the `count` before.
    """
    stop = start + len(sums)
    room = len(seen.blocks)
    while place < end:
        gap, behind = read_number(data, place)
        if gap < 0 or block + gap >= stop:
            break
        block += gap
        code = data[behind]
        if code < MANY:
            bound = LEVELS[code >> 3]
            sentences = np.uint8(1) << (code & np.uint8(7))
            place = behind + 1
        else:
            bound = data[behind + 1]
            sentences = data[behind + 2]
            place = entry_end(data, behind)
        added = np.uint16((np.uint32(bound) * np.uint32(step)) >> np.uint32(8))
        sums[block - start] += added
        if count < room:
            seen.blocks[count] = block - start
            seen.sentences[count] = sentences
            seen.bounds[count] = added
            count += 1
    return place, block, count


@lean
def add_up(index, sums, start, terms, steps, positions, seen):
    """Add up the bounds of all words of a query in a window; its positions in lists are moved on.

    Returns:
        how many entries of lists are in `seen`.
    """
    n_dense = index.dense.shape[0]
    n_common = index.common_ends.shape[0]
    sums[:] = 0
    count = 0
    for number in range(len(terms)):
        term = terms[number]
        if term < n_dense:
            _add_dense(sums, index.dense[term, start : start + len(sums)], steps[number])
        elif term < n_dense + n_common:
            for stretch in range(start // STRETCH, (start + len(sums)) // STRETCH):
                place, end = bytes_of_stretch(
                    index.common, index.common_places, index.common_ends, term - n_dense, stretch
                )
                _add_common(sums, stretch * STRETCH - start, index.common, place, end, steps[number])
        else:
            positions.places[number], positions.blocks[number], count = _add_list(
                sums,
                start,
                index.lists,
                positions.places[number],
                positions.ends[number],
                positions.blocks[number],
                steps[number],
                seen,
                count,
            )
    return count


@lean
def _move(seen, place, sentences, added):
    """Add a bound to the sums of those sentences of a block that hold the word."""
    for sentence in range(BLOCK):
        seen.sums[place, sentence] += added * np.uint16(sentences >> np.uint8(sentence) & np.uint8(1))


@lean
def add_up_by_sentence(index, sums, start, blocks, terms, steps, seen, count):
    """Replace the sums of some blocks by the largest sum of one of their sentences.

    What dense words add is left as it is: the same for all sentences of a block.

    Args:
        blocks: of the window, ascending.
        count: entries in `seen`, from `add_up`.
    """
    n_dense = index.dense.shape[0]
    n_common = index.common_ends.shape[0]
    for number in range(len(blocks)):
        seen.places[blocks[number]] = number + 1
        seen.sums[number] = 0
    for entry in range(count):
        place = np.int64(seen.places[seen.blocks[entry]])
        if place:
            sums[seen.blocks[entry]] -= seen.bounds[entry]
            _move(seen, place - 1, seen.sentences[entry], seen.bounds[entry])
    for number in range(len(terms)):
        term = terms[number]
        if not n_dense <= term < n_dense + n_common:
            continue
        data = index.common
        stretch = np.int64(-1)
        for block in blocks:
            if (start + block) // STRETCH == stretch:
                continue
            stretch = (start + block) // STRETCH
            first = stretch * STRETCH - start
            place, end = bytes_of_stretch(
                data, index.common_places, index.common_ends, term - n_dense, stretch
            )
            n_entries = entries_of_stretch(data, place, end)
            for at in range(place + 1, place + 1 + n_entries):
                known = np.int64(seen.places[first + np.int64(data[at])])
                if known:
                    bound = np.uint32(data[at + n_entries])
                    added = np.uint16((bound * np.uint32(steps[number])) >> np.uint32(8))
                    sums[first + np.int64(data[at])] -= added
                    _move(seen, known - 1, data[at + 2 * n_entries], added)
    for number in range(len(blocks)):
        sums[blocks[number]] += largest(seen.sums[number])
        seen.places[blocks[number]] = 0
