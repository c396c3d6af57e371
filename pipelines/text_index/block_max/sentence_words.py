"""The words of sentences, read out of an index again: what an update of the index takes over."""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

import numpy as np

from pipelines.text_index.block_max.block_scores import bytes_of_stretch
from pipelines.text_index.block_max.coding import (
    BLOCK,
    EMPTY,
    SENTENCE_BITS,
    SLOTS_PER_IDENTITY,
    SPARE,
    STRETCH,
    entries_of_stretch,
    entry_end,
    read_counts,
    read_frequencies,
    read_number,
)
from pipelines.text_index.block_max.compiling import compiled

__all__ = ["take_words"]


@compiled
def take_words(index, wanted):
    """Return the words of sentences. All lists are read as far as the last of these sentences.

    Args:
        index: the `files.Arrays`, undamaged.
        wanted: ids of sentences, ascending.

    Returns:
        counts: how many words each has; -1 for a sentence that is not there.
        numbers: the numbers of these words, ascending, of one sentence after the other.
    """
    counts = np.full(len(wanted), -1, np.int64)
    if not len(wanted) or len(index.identity_places) < 2:
        return counts, np.empty(0, np.uint32)
    first = _group_of(index, wanted[0])
    last = _group_of(index, wanted[-1])
    who = _who_is_where(index, first, last + 1, wanted)
    for place in who:
        if place >= 0:
            counts[place] = 0
    first_block = first * SLOTS_PER_IDENTITY // BLOCK
    no_numbers = np.empty(0, np.uint32)
    _visit(index, first_block, who, counts, no_numbers)
    ends = np.cumsum(np.maximum(counts, 0)) - np.maximum(counts, 0)
    numbers = np.empty(np.maximum(counts, 0).sum(), np.uint32)
    _visit(index, first_block, who, ends, numbers)
    return counts, numbers


@compiled
def _group_of(index, identity):
    """Return the last group of slots whose first id is not above this one; the first group where all are."""
    low, high = 0, len(index.identity_places) - 1
    while low < high:
        middle = (low + high) // 2
        if read_number(index.identities, index.identity_places[middle])[0] <= identity:
            low = middle + 1
        else:
            high = middle
    return max(low - 1, 0)


@compiled
def _who_is_where(index, first, end, wanted):
    """Return of every slot of some groups the place of its sentence in `wanted`, or -1."""
    who = np.full((end - first) * SLOTS_PER_IDENTITY, -1, np.int64)
    at = 0
    for group in range(first, end):
        identity, bits = read_number(index.identities, index.identity_places[group])
        place = bits + SLOTS_PER_IDENTITY // 8
        for slot in range(SLOTS_PER_IDENTITY):
            if index.identities[bits + slot // 8] >> (slot % 8) & 1:
                step, place = read_number(index.identities, place)
                identity = ((identity >> SENTENCE_BITS) + (step >> 1)) << SENTENCE_BITS
                if step & 1:
                    position, place = read_number(index.identities, place)
                    identity += position
            elif slot:
                identity += 1
            block = (group * SLOTS_PER_IDENTITY + slot) // BLOCK
            if index.blocks[index.block_places[block] + slot % BLOCK] == EMPTY:
                break
            while at < len(wanted) and wanted[at] < identity:
                at += 1
            if at < len(wanted) and wanted[at] == identity:
                who[(group - first) * SLOTS_PER_IDENTITY + slot] = at
    return who


@compiled
def _visit(index, first_block, who, ends, numbers):
    """Go through all words in blocks from `first_block` on; count them in `ends`, or put them there in `numbers`."""
    n_dense = index.dense.shape[0]
    n_common = index.common_ends.shape[0]
    end_block = first_block + len(who) // BLOCK
    frequencies = np.zeros(BLOCK, np.int64)
    for block in range(first_block, end_block):
        _visit_dense(index, block, n_dense, who[(block - first_block) * BLOCK :], ends, numbers)
    for word in range(n_common):
        for stretch in range(first_block // STRETCH, (end_block + STRETCH - 1) // STRETCH):
            place, end = bytes_of_stretch(index.common, index.common_places, index.common_ends, word, stretch)
            data = index.common
            count = entries_of_stretch(data, place, end)
            counts = place + 1 + 3 * count
            for at in range(place + 1, place + 1 + count):
                block = stretch * STRETCH + np.int64(data[at]) - first_block
                counts = read_counts(data, data[at + count], data[at + 2 * count], counts, end, frequencies)
                if 0 <= block < end_block - first_block:
                    _note(n_dense + word, frequencies, who[block * BLOCK :], ends, numbers)
    place = np.int64(0)
    word = n_dense + n_common
    while place < len(index.lists) - SPARE:
        size, place = read_number(index.lists, place)
        end = place + size
        block = -first_block
        while place < end:
            gap, place = read_number(index.lists, place)
            block += gap
            if block >= end_block - first_block:
                break
            if block >= 0:
                read_frequencies(index.lists, place, end, frequencies)
                _note(word, frequencies, who[block * BLOCK :], ends, numbers)
            place = entry_end(index.lists, place)
        place = end
        word += 1


@compiled
def _visit_dense(index, block, n_dense, who, ends, numbers):
    place, end = index.block_places[block] + BLOCK + n_dense, index.block_places[block + 1]
    value = np.int64(-1)
    for word in range(n_dense):
        mask = index.blocks[index.block_places[block] + BLOCK + word]
        if mask == 0:
            continue
        frequencies = np.zeros(BLOCK, np.int64)
        for sentence in range(BLOCK):
            frequencies[sentence] = mask >> sentence & 1
        while value < (word + 1) * BLOCK:
            if value >= word * BLOCK:
                frequencies[value % BLOCK] += 1
            if place >= end:
                break
            step, place = read_number(index.blocks, place)
            value = max(value, 0) + step
        _note(word, frequencies, who, ends, numbers)


@compiled
def _note(word, frequencies, who, ends, numbers):
    """Count a word of the sentences of a block, or put it behind the others of its sentence."""
    for sentence in range(BLOCK):
        at = who[sentence]
        if at >= 0:
            for _ in range(frequencies[sentence]):
                if len(numbers):
                    numbers[ends[at]] = word
                ends[at] += 1
