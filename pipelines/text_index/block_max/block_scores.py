"""Exact scores: of a block's sentences, or of all those of a window, by the words of a query."""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.text_index.block_max.coding import (
    BLOCK,
    SENTENCE_BITS,
    SPARE,
    STRETCH,
    entries_of_stretch,
    entry_end,
    identity_of,
    read_counts,
    read_frequencies,
    read_number,
)
from pipelines.text_index.block_max.compiling import compiled, lean

__all__ = ["bytes_of_stretch", "keep_best", "round_score", "score_block", "score_window"]

SLACK = 5.2e-5
"""Share of a score that rounding to five digits may add."""


class Positions(NamedTuple):
    """Where the lists of words are read from; of a word without a list nothing that counts."""

    places: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    """Where the list ends."""
    blocks: npt.NDArray[np.int64]
    """The block of the entry before."""


class Room(NamedTuple):
    """Room for a block's sentences."""

    found: npt.NDArray[np.float64]
    """Their scores."""
    frequencies: npt.NDArray[np.int64]
    norms: npt.NDArray[np.float32]


@lean
def round_score(score):
    """Return a score above 0 with five significant digits, as `ranking.rounded` does."""
    exponent = np.int64(np.floor(np.log10(score))) - 4
    for _ in range(2):
        if exponent < 0:
            mantissa = np.rint(score * 10.0 ** (-exponent))
        else:
            mantissa = np.rint(score / 10.0**exponent)
        if mantissa >= 100000.0:
            exponent += 1
        elif mantissa < 10000.0:
            exponent -= 1
        else:
            break
    return mantissa / 10.0 ** (-exponent) if exponent < 0 else mantissa * 10.0**exponent


@lean
def _keep(score, sentence, k, scores, sentences, kept, worst):
    """Keep a sentence if it is among the best of the best `k` paragraphs; return how many are kept, and the worst."""
    if kept == k and (score < scores[worst] or (score == scores[worst] and sentence > sentences[worst])):
        return kept, worst
    paragraph = sentence >> SENTENCE_BITS
    place = -1
    for other in range(kept):
        if sentences[other] >> SENTENCE_BITS == paragraph:
            if score < scores[other] or (score == scores[other] and sentence > sentences[other]):
                return kept, worst
            place = other
            break
    if place < 0:
        if kept < k:
            place = kept
            kept += 1
        else:
            place = worst
    scores[place] = score
    sentences[place] = sentence
    worst = 0
    for other in range(1, kept):
        if scores[other] < scores[worst] or (
            scores[other] == scores[worst] and sentences[other] > sentences[worst]
        ):
            worst = other
    return kept, worst


@lean
def keep_best(index, block, found, k, scores, sentences, kept, worst):
    """Keep those of a block's sentences, with their scores in `found`, that are among the best.

    Returns how many paragraphs are kept, and the worst; -1 where the index is damaged.
    """
    for place in range(BLOCK):
        score = found[place]
        # Rounding and the id take longer than the score.
        if score > 0 and (kept < k or score > scores[worst] * (1 - SLACK)):
            identity = identity_of(index.identities, index.identity_places, block * BLOCK + place)
            if identity < 0:
                return -1, worst
            kept, worst = _keep(round_score(score), identity, k, scores, sentences, kept, worst)
    return kept, worst


@lean
def bytes_of_stretch(data, places, ends, word, stretch):
    """Return where the bytes of a word in a stretch begin and end; an empty range where the index is damaged."""
    first = places[word]
    start = first + np.int64(ends[word, stretch - 1]) if stretch else first
    end = first + np.int64(ends[word, stretch])
    if not 0 <= first <= start <= end <= places[word + 1] <= len(data) - SPARE:
        return np.int64(0), np.int64(0)
    return start, end


@lean
def _add(found, frequencies, weight, norms):
    """Add what a word that stands so often in the sentences of a block adds to their scores."""
    for place in range(BLOCK):
        if frequencies[place]:
            frequency = np.float32(frequencies[place])
            found[place] += weight * (frequency / (frequency + norms[place]))


@lean
def _open_block(index, block, norms, own_norms):
    """Return where the masks of a block begin, and where its record ends; 0, 0 where the index is damaged."""
    place, end = index.block_places[block], index.block_places[block + 1]
    masks = place + BLOCK
    if not 0 <= place < masks + index.dense.shape[0] <= end <= len(index.blocks) - SPARE:
        return np.int64(0), np.int64(0)
    for sentence in range(BLOCK):
        own_norms[sentence] = norms[index.blocks[place + sentence]]
    return masks, end


@lean
def _add_dense(data, masks, n_dense, end, terms, weights, own_norms, frequencies, found):
    """Add what the dense words of a query add to the scores of a block's sentences; return how many there are."""
    place = masks + n_dense
    value = np.int64(-1)
    number = 0
    while number < len(terms) and terms[number] < n_dense:
        term = terms[number]
        mask = data[masks + term]
        if mask:
            for sentence in range(BLOCK):
                frequencies[sentence] = mask >> sentence & 1
            while value < (term + 1) * BLOCK:
                if value >= term * BLOCK:
                    frequencies[value % BLOCK] += 1
                if place >= end:
                    break
                step, place = read_number(data, place)
                value = max(value, 0) + step
            _add(found, frequencies, weights[number], own_norms)
        number += 1
    return number


@lean
def _read_common(index, word, block, frequencies):
    """Read how often each sentence of a block holds a common word; return whether one does."""
    data = index.common
    place, end = bytes_of_stretch(data, index.common_places, index.common_ends, word, block // STRETCH)
    within = block % STRETCH
    count = entries_of_stretch(data, place, end)
    first = place + 1
    number = np.int64(0)
    while number < count and data[first + number] < within:
        number += 1
    if number == count or data[first + number] != within:
        return False
    bounds, masks, counts = first + count, first + 2 * count, first + 3 * count
    if data[bounds + number] & 1:
        for other in range(number):
            if data[bounds + other] & 1:
                counts = read_counts(
                    data, data[bounds + other], data[masks + other], counts, end, frequencies
                )
    read_counts(data, data[bounds + number], data[masks + number], counts, end, frequencies)
    return True


@lean
def _read_list(lists, place, end, at, block, frequencies):
    """Read how often each sentence of a block holds a word, whose list is read from `place` on, behind block `at`."""
    while place < end:
        gap, place = read_number(lists, place)
        at += gap
        if at >= block or gap < 0:
            if at != block:
                return False
            read_frequencies(lists, place, end, frequencies)
            return True
        place = entry_end(lists, place)
    return False


@lean
def score_block(index, norms, terms, weights, positions, block, room):
    """Put the scores of a block's sentences into `room.found`; return whether the block is whole.

    Args:
        terms: numbers of the query's words, from 0, ascending.
        weights: idf (k1 + 1) times the frequency in the query.
        positions: `Positions` of these words.
        room: `Room`.
    """
    n_dense = index.dense.shape[0]
    n_common = index.common_ends.shape[0]
    found, frequencies, own_norms = room
    masks, end = _open_block(index, block, norms, own_norms)
    if end == 0:
        return False
    found[:] = 0
    number = _add_dense(index.blocks, masks, n_dense, end, terms, weights, own_norms, frequencies, found)
    while number < len(terms):
        term = terms[number]
        if term < n_dense + n_common:
            there = _read_common(index, term - n_dense, block, frequencies)
        else:
            there = _read_list(
                index.lists,
                positions.places[number],
                positions.ends[number],
                positions.blocks[number],
                block,
                frequencies,
            )
        if there:
            _add(found, frequencies, weights[number], own_norms)
        number += 1
    return True


@compiled
def score_window(index, norms, terms, weights, positions, start, sums, needed, found):
    """Put the scores of the sentences of all blocks of a window whose sums are large enough into `found`.

    For queries of very many words: every entry is read once.

    Args:
        start: the window's first block.
        found: [blocks of the window, 8].

    Returns:
        whether all blocks are whole.
    """
    n_dense = index.dense.shape[0]
    n_common = index.common_ends.shape[0]
    frequencies = np.zeros(BLOCK, np.int64)
    own_norms = np.empty((len(sums), BLOCK), np.float32)
    found[:] = 0
    for block in range(len(sums)):
        if sums[block] < needed:
            continue
        masks, end = _open_block(index, start + block, norms, own_norms[block])
        if end == 0:
            return False
        _add_dense(
            index.blocks, masks, n_dense, end, terms, weights, own_norms[block], frequencies, found[block]
        )
    for number in range(len(terms)):
        term = terms[number]
        weight = weights[number]
        if term < n_dense:
            continue
        if term < n_dense + n_common:
            data = index.common
            for stretch in range(start // STRETCH, (start + len(sums)) // STRETCH):
                place, end = bytes_of_stretch(
                    data, index.common_places, index.common_ends, term - n_dense, stretch
                )
                count = entries_of_stretch(data, place, end)
                counts = place + 1 + 3 * count
                for at in range(place + 1, place + 1 + count):
                    block = stretch * STRETCH + np.int64(data[at]) - start
                    counts = read_counts(
                        data, data[at + count], data[at + 2 * count], counts, end, frequencies
                    )
                    if sums[block] >= needed:
                        _add(found[block], frequencies, weight, own_norms[block])
            continue
        data = index.lists
        place, end = positions.places[number], positions.ends[number]
        block = positions.blocks[number] - start
        while place < end:
            gap, place = read_number(data, place)
            block += gap
            if gap < 0 or block >= len(sums):
                break
            if block >= 0 and sums[block] >= needed:
                read_frequencies(data, place, end, frequencies)
                _add(found[block], frequencies, weight, own_norms[block])
            place = entry_end(data, place)
    return True
