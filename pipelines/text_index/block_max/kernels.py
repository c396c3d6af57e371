"""The compiled part of a search: bounds added up window by window, blocks scored, the best paragraphs kept."""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.text_index.block_max.block_scores import (
    SLACK,
    Positions,
    Room,
    keep_best,
    score_block,
)
from pipelines.text_index.block_max.bound_sums import WINDOW, Seen, add_up, add_up_by_sentence, largest
from pipelines.text_index.block_max.coding import BLOCK, SPARE, read_number
from pipelines.text_index.block_max.compiling import compiled, lean

__all__ = [
    "BLOCKWISE_WORDS",
    "Asked",
    "Best",
    "CodedQueries",
    "bounds_of_string",
    "collect",
    "find_lists",
    "keep_found",
    "needed_sum",
    "scale_steps",
    "search_windows",
]

CHUNK = 32
"""Blocks of which the largest sum is looked at first."""
BIN_BITS = 7
BINS = 1 << (16 - BIN_BITS)
AT_ONCE = 24
"""Blocks with the largest sums so far that are scored as soon as they are seen, or twice the hits wanted."""
LATER = 1 << 14
"""Blocks of a query that wait to be scored until most are known to be needless."""
FEW_WORDS = 128
"""Up to so many words, a block that holds one of them has a sum above 0."""
BLOCKWISE_WORDS = 64
"""Queries of more words are left to `long_queries`, which reads every entry once."""
MOST_SAVED = 1 << 22
"""Places in lists that are kept for the blocks that wait; where there are more, no block waits."""


class CodedQueries(NamedTuple):
    """Several queries, as they are searched together."""

    places: npt.NDArray[np.int64]
    """Where the words of each query begin in the next two; one more for the end."""
    terms: npt.NDArray[np.int64]
    """Numbers of the words, ascending within a query."""
    weights: npt.NDArray[np.float32]
    """idf (k1 + 1) times the frequency in the query."""


class Best(NamedTuple):
    """The best sentences of the best paragraphs so far, and what was done for them."""

    scores: npt.NDArray[np.float64]
    """[queries, k], in no order."""
    sentences: npt.NDArray[np.int64]
    """[queries, k]: their ids."""
    kept: npt.NDArray[np.int64]
    """Of each query, how many there are; -1 where the index is damaged."""
    worst: npt.NDArray[np.int64]
    """Of each query, the place of the last one in order."""
    scored: npt.NDArray[np.int64]
    """Of each query, the blocks whose sentences were scored."""


class Asked(NamedTuple):
    """One of the queries."""

    query: int
    """Its place among them."""
    terms: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    scale: float
    """The sum of bounds that stands for a score of 1; 0 where sums cannot tell blocks apart."""


@lean
def scale_steps(weights, steps):
    """Put what a bound of 255 / 256 adds to a sum, for each word, into `steps`; return the sum of a score of 1.

    It is 0 where sums of 16 bits cannot tell blocks apart.
    """
    words = len(weights)
    total = 0.0
    for weight in weights:
        total += weight
    least = 256 if words <= FEW_WORDS else 0
    room = 65535.0 - words * max(least, 1)
    scale = room / total if room > 1024 and total > 0 else 0.0
    for number in range(words):
        step = np.ceil(weights[number] * scale * (256.0 / 255.0))
        steps[number] = min(max(step, least), 65535.0) if scale > 0 else 0
    return scale


@compiled
def find_lists(index, terms, group, places, ends):
    """Put where the lists of words begin and end into `places` and `ends`; return whether all are whole.

    `group`: lists to a place.
    """
    first = index.dense.shape[0] + index.common_ends.shape[0]
    for number in range(len(terms)):
        listed = terms[number] - first
        if listed < 0:
            continue
        place = index.list_places[listed // group]
        for _ in range(listed % group + 1):
            if not 0 <= place <= len(index.lists) - SPARE:
                return False
            size, start = read_number(index.lists, place)
            place = start + size
        if size < 0 or place > len(index.lists) - SPARE:
            return False
        places[number], ends[number] = start, place
    return True


@compiled
def search_windows(index, norms, queries, group, best):
    """Find the best sentences of the best paragraphs for several queries, but for those of very many words.

    Args:
        index: the `files.Arrays`.
        norms: `scoring.norms`.
        queries: `CodedQueries`.
        group: `files.GROUP`.
        best: `Best`, is filled.

    Returns:
        whether all went well; False where the arrays are damaged.
    """
    blocks = len(index.block_places) - 1
    n_words = len(queries.terms)
    n_queries = len(queries.places) - 1
    windows = (blocks + WINDOW - 1) // WINDOW
    positions = Positions(
        np.zeros(n_words, np.int64), np.zeros(n_words, np.int64), np.zeros(n_words, np.int64)
    )
    if not find_lists(index, queries.terms, group, positions.places, positions.ends):
        return False
    steps = np.zeros(n_words, np.uint16)
    scales = np.zeros(n_queries)
    most_words = 0
    for query in range(n_queries):
        first, last = queries.places[query], queries.places[query + 1]
        scales[query] = scale_steps(queries.weights[first:last], steps[first:last])
        if last - first <= BLOCKWISE_WORDS:
            most_words = max(most_words, last - first)
    saves = windows * n_words <= MOST_SAVED
    saved_places = np.empty((windows if saves else 1, n_words), np.int64)
    saved_blocks = np.empty((windows if saves else 1, n_words), np.int64)
    all_sums = np.zeros(WINDOW, np.uint16)
    seen = Seen(
        np.empty(most_words * WINDOW, np.uint16),
        np.empty(most_words * WINDOW, np.uint8),
        np.empty(most_words * WINDOW, np.uint16),
        np.zeros(WINDOW, np.uint16),
        np.empty((WINDOW, BLOCK), np.uint16),
    )
    histograms = np.zeros((n_queries, BINS), np.int32)
    later_blocks = np.empty((n_queries, LATER), np.int64)
    later_sums = np.empty((n_queries, LATER), np.uint16)
    n_later = np.zeros(n_queries, np.int64)
    all_candidates = np.empty(WINDOW, np.int64)
    room = Room(np.zeros(BLOCK), np.zeros(BLOCK, np.int64), np.empty(BLOCK, np.float32))
    at_once = max(AT_ONCE, 2 * best.scores.shape[1])
    for window in range(windows):
        start = window * WINDOW
        sums = all_sums[: min(WINDOW, blocks - start)]
        row = window if saves else 0
        saved_places[row] = positions.places
        saved_blocks[row] = positions.blocks
        for query in range(n_queries):
            first, last = queries.places[query], queries.places[query + 1]
            if not 0 < last - first <= BLOCKWISE_WORDS:
                continue
            asked = Asked(query, queries.terms[first:last], queries.weights[first:last], scales[query])
            own = Positions(
                positions.places[first:last], positions.ends[first:last], positions.blocks[first:last]
            )
            at = Positions(
                saved_places[row, first:last], positions.ends[first:last], saved_blocks[row, first:last]
            )
            n_seen = add_up(index, sums, start, asked.terms, steps[first:last], own, seen)
            needed = needed_sum(best, asked)
            candidates = all_candidates[: collect(sums, needed, all_candidates)]
            if len(candidates) == 0:
                continue
            if best.kept[query] < best.scores.shape[1]:
                # Nothing is needed yet: a few blocks say what is.
                if not _score_largest(
                    index, norms, asked, at, start, sums, candidates, at_once, histograms[query], room, best
                ):
                    return False
                needed = needed_sum(best, asked)
                candidates = candidates[: _reaching(candidates, sums, needed)]
            add_up_by_sentence(index, sums, start, candidates, asked.terms, steps[first:last], seen, n_seen)
            candidates = candidates[: _reaching(candidates, sums, needed)]
            # Blocks with the largest sums so far are scored at once, which raises what is needed; most of the others
            # never need to be.
            _count(histograms[query], candidates, sums)
            cut = max(_cut(histograms[query], at_once), needed)
            for turn in range(2):
                for place in candidates:
                    if sums[place] < needed or (sums[place] >= cut) != (turn == 0):
                        continue
                    if turn == 1 and saves and n_later[query] < LATER:
                        later_blocks[query, n_later[query]] = start + place
                        later_sums[query, n_later[query]] = sums[place]
                        n_later[query] += 1
                        continue
                    if not _score(index, norms, asked, at, start + place, room, best):
                        return False
                    needed = needed_sum(best, asked)
    for query in range(n_queries):
        first, last = queries.places[query], queries.places[query + 1]
        asked = Asked(query, queries.terms[first:last], queries.weights[first:last], scales[query])
        needed = needed_sum(best, asked)
        n_left = _drop_needless(later_blocks[query], later_sums[query], n_later[query], needed)
        _sort(later_sums[query], later_blocks[query], n_left)
        for number in range(n_left):
            if later_sums[query, number] < needed_sum(best, asked):
                break
            block = later_blocks[query, number]
            row = block // WINDOW
            at = Positions(
                saved_places[row, first:last], positions.ends[first:last], saved_blocks[row, first:last]
            )
            if not _score(index, norms, asked, at, block, room, best):
                return False
    return True


@lean
def _score_largest(index, norms, asked, at, start, sums, candidates, wanted, histogram, room, best):
    """Score as many blocks of a window as are wanted, of those with the largest sums, and set these to 0.

    Returns:
        whether all are whole.
    """
    _count(histogram, candidates, sums)
    cut = max(_cut(histogram, wanted), 1)
    histogram[:] = 0
    for place in candidates:
        if sums[place] >= cut and wanted > 0:
            if not _score(index, norms, asked, at, start + place, room, best):
                return False
            sums[place] = 0
            wanted -= 1
    return True


@lean
def _sort(sums, blocks, count):
    """Sort the first ones by their sums, the largest first (Shell, 1959): NumPy's takes seconds to compile."""
    gap = np.int64(1)
    while 3 * gap < count:
        gap = 3 * gap + 1
    while gap:
        for number in range(gap, count):
            value, block = sums[number], blocks[number]
            place = number
            while place >= gap and sums[place - gap] < value:
                sums[place] = sums[place - gap]
                blocks[place] = blocks[place - gap]
                place -= gap
            sums[place] = value
            blocks[place] = block
        gap //= 3


@lean
def _drop_needless(blocks, sums, count, needed):
    """Move the blocks whose sums are still large enough to the front; return how many there are."""
    left = 0
    for number in range(count):
        if sums[number] >= needed:
            blocks[left] = blocks[number]
            sums[left] = sums[number]
            left += 1
    return left


@lean
def _score(index, norms, asked, at, block, room, best):
    """Score the sentences of a block for a query, and keep the best; return False where the index is damaged."""
    whole = score_block(index, norms, asked.terms, asked.weights, at, block, room)
    return whole and keep_found(index, block, room.found, asked.query, best)


@lean
def keep_found(index, block, found, query, best):
    """Keep those sentences of a block, with their scores, that are among the best; return False where it is damaged."""
    best.scored[query] += 1
    best.kept[query], best.worst[query] = keep_best(
        index,
        block,
        found,
        best.scores.shape[1],
        best.scores[query],
        best.sentences[query],
        best.kept[query],
        best.worst[query],
    )
    return best.kept[query] >= 0


@lean
def collect(sums, needed, candidates):
    """Put the places of the sums that are large enough into `candidates`; return how many there are."""
    count = 0
    for chunk in range(0, len(sums), CHUNK):
        if largest(sums[chunk : chunk + CHUNK]) < needed:
            continue
        for place in range(chunk, chunk + CHUNK):
            if sums[place] >= needed:
                candidates[count] = place
                count += 1
    return count


@lean
def _reaching(candidates, sums, needed):
    """Move the candidates whose sums are large enough to the front; return how many there are."""
    count = 0
    for place in candidates:
        if sums[place] >= needed:
            candidates[count] = place
            count += 1
    return count


@lean
def _count(histogram, candidates, sums):
    """Count the sums of candidates in a histogram."""
    for place in candidates:
        histogram[sums[place] >> BIN_BITS] += 1


@lean
def _cut(histogram, wanted):
    """Return a sum that about `wanted` of those in the histogram reach."""
    count = 0
    for place in range(BINS - 1, -1, -1):
        count += histogram[place]
        if count >= wanted:
            return place << BIN_BITS
    return 0


@lean
def needed_sum(best, asked):
    """Return the least sum of a block that may hold a sentence that is wanted.

    A score of the last one kept is rounded to five digits; each bound was rounded down by less than 1.
    """
    words = len(asked.terms)
    least = 1 if words <= FEW_WORDS and asked.scale > 0 else 0
    if best.kept[asked.query] < best.scores.shape[1] or asked.scale == 0:
        return least
    score = best.scores[asked.query, best.worst[asked.query]]
    return max(np.int64(np.floor(score * (1 - SLACK) * asked.scale)) - words, least)


@lean
def bounds_of_string(page, number):
    """Return where a string of a page of plain values begins and ends; -1, -1 where the page is too short."""
    place = 0
    while place + 4 <= len(page):
        size = (
            np.int64(page[place])
            | np.int64(page[place + 1]) << 8
            | np.int64(page[place + 2]) << 16
            | np.int64(page[place + 3]) << 24
        )
        place += 4
        if place + size > len(page):
            break
        if number == 0:
            return place, place + size
        number -= 1
        place += size
    return -1, -1
