"""The compiled part of a search: bounds added up window by window, blocks scored, the best paragraphs kept."""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.text_index.block_max.block_scores import (
    SLACK,
    bytes_of_stretch,
    keep_best,
    score_block,
    score_window,
)
from pipelines.text_index.block_max.coding import (
    BLOCK,
    LEVELS,
    MANY,
    SPARE,
    STRETCH,
    compiled,
    entry_end,
    lean,
    read_number,
)

__all__ = ["Best", "CodedQueries", "bounds_of_string", "search_windows"]

WINDOW = 1 << 12
"""Blocks whose bounds are added up at once, some stretches: their sums stay in the first cache."""
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
"""With more words, all blocks of a window are scored together, so that every entry is read once."""
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


@lean
def _add_dense(sums, bounds, weight):
    for place in range(len(sums)):
        sums[place] += np.uint16((np.uint32(bounds[place]) * np.uint32(weight)) >> np.uint32(8))


@lean
def _largest(sums):
    largest = np.uint16(0)
    for place in range(len(sums)):
        largest = max(largest, sums[place])
    return largest


@lean
def _add_common(sums, start, data, place, end, step):
    """Add the bounds of a common word's entries in a stretch that begins at `start` in the window."""
    while place < end:
        block = start + np.int64(data[place])
        code = data[place + 1]
        if code < MANY:
            bound = LEVELS[code >> 3]
            place += 2
        else:
            bound = data[place + 2]
            place = entry_end(data, place + 1)
        sums[block] += np.uint16((np.uint32(bound) * np.uint32(step)) >> np.uint32(8))


@lean
def _add_list(sums, start, data, place, end, block, step):
    """Add the bounds of a list's entries in the window that begins at block `start`.

    `block` is that of the entry before `place`; returned are the place behind the last entry added, and its block.
    """
    stop = start + len(sums)
    while place < end:
        gap, behind = read_number(data, place)
        if gap < 0 or block + gap >= stop:
            break
        block += gap
        code = data[behind]
        bound = LEVELS[code >> 3] if code < MANY else data[behind + 1]
        sums[block - start] += np.uint16((np.uint32(bound) * np.uint32(step)) >> np.uint32(8))
        place = entry_end(data, behind)
    return place, block


@lean
def _add_up(index, sums, start, terms, steps, list_places, list_ends, list_blocks):
    """Add up the bounds of all words of a query in a window; its places in lists are moved on."""
    n_dense = index.dense.shape[0]
    n_common = index.common_ends.shape[0]
    sums[:] = 0
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
            list_places[number], list_blocks[number] = _add_list(
                sums,
                start,
                index.lists,
                list_places[number],
                list_ends[number],
                list_blocks[number],
                steps[number],
            )


@lean
def _scale(weights, steps):
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
def _lists_of(index, terms, group, places, ends):
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
    """Find the best sentences of the best paragraphs for several queries.

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
    k = best.scores.shape[1]
    list_places = np.zeros(n_words, np.int64)
    list_ends = np.zeros(n_words, np.int64)
    list_blocks = np.zeros(n_words, np.int64)
    if not _lists_of(index, queries.terms, group, list_places, list_ends):
        return False
    steps = np.zeros(n_words, np.uint16)
    scales = np.zeros(n_queries)
    for query in range(n_queries):
        first, last = queries.places[query], queries.places[query + 1]
        scales[query] = _scale(queries.weights[first:last], steps[first:last])
    saves = windows * n_words <= MOST_SAVED
    saved_places = np.empty((windows if saves else 1, n_words), np.int64)
    saved_blocks = np.empty((windows if saves else 1, n_words), np.int64)
    all_sums = np.zeros(WINDOW, np.uint16)
    histograms = np.zeros((n_queries, BINS), np.int32)
    later_blocks = np.empty((n_queries, LATER), np.int64)
    later_sums = np.empty((n_queries, LATER), np.uint16)
    n_later = np.zeros(n_queries, np.int64)
    candidates = np.empty(WINDOW, np.int64)
    found = np.zeros(BLOCK)
    frequencies = np.zeros(BLOCK, np.int64)
    own_norms = np.empty(BLOCK, np.float32)
    at_once = max(AT_ONCE, 2 * k)
    for window in range(windows):
        start = window * WINDOW
        sums = all_sums[: min(WINDOW, blocks - start)]
        row = window if saves else 0
        saved_places[row] = list_places
        saved_blocks[row] = list_blocks
        for query in range(n_queries):
            first, last = queries.places[query], queries.places[query + 1]
            if first == last:
                continue
            _add_up(
                index,
                sums,
                start,
                queries.terms[first:last],
                steps[first:last],
                list_places[first:last],
                list_ends[first:last],
                list_blocks[first:last],
            )
            needed = _needed(best, query, scales[query], last - first)
            n_candidates = _collect(sums, needed, histograms[query], candidates)
            if n_candidates == 0:
                continue
            if last - first > BLOCKWISE_WORDS:
                if not _score_all(
                    index,
                    norms,
                    queries,
                    list_ends,
                    saved_places[row],
                    saved_blocks[row],
                    start,
                    sums,
                    query,
                    needed,
                    best,
                ):
                    return False
                continue
            # Blocks with the largest sums so far are scored at once, which raises what is needed; most of the others
            # never need to be.
            cut = max(_cut(histograms[query], at_once), needed)
            for turn in range(2):
                for place in candidates[:n_candidates]:
                    if sums[place] < needed or (sums[place] >= cut) != (turn == 0):
                        continue
                    if turn == 1 and saves and n_later[query] < LATER:
                        later_blocks[query, n_later[query]] = start + place
                        later_sums[query, n_later[query]] = sums[place]
                        n_later[query] += 1
                        continue
                    if not _score(
                        index,
                        norms,
                        queries,
                        list_ends,
                        saved_places[row],
                        saved_blocks[row],
                        start + place,
                        query,
                        found,
                        frequencies,
                        own_norms,
                        best,
                    ):
                        return False
                    needed = _needed(best, query, scales[query], last - first)
    for query in range(n_queries):
        words = queries.places[query + 1] - queries.places[query]
        needed = _needed(best, query, scales[query], words)
        n_left = _drop_needless(later_blocks[query], later_sums[query], n_later[query], needed)
        order = np.argsort(later_sums[query, :n_left])
        for number in range(n_left - 1, -1, -1):
            if later_sums[query, order[number]] < _needed(best, query, scales[query], words):
                break
            block = later_blocks[query, order[number]]
            row = block // WINDOW
            if not _score(
                index,
                norms,
                queries,
                list_ends,
                saved_places[row],
                saved_blocks[row],
                block,
                query,
                found,
                frequencies,
                own_norms,
                best,
            ):
                return False
    return True


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
def _score(
    index,
    norms,
    queries,
    list_ends,
    list_places,
    list_blocks,
    block,
    query,
    found,
    frequencies,
    own_norms,
    best,
):
    """Score the sentences of a block for a query, and keep the best; return False where the index is damaged."""
    first, last = queries.places[query], queries.places[query + 1]
    whole = score_block(
        index,
        norms,
        queries.terms[first:last],
        queries.weights[first:last],
        list_places[first:last],
        list_ends[first:last],
        list_blocks[first:last],
        block,
        frequencies,
        own_norms,
        found,
    )
    return whole and _keep(index, block, found, query, best)


@lean
def _keep(index, block, found, query, best):
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


@compiled
def _score_all(index, norms, queries, list_ends, list_places, list_blocks, start, sums, query, needed, best):
    """Score all blocks of a window whose sums are large enough; return False where the index is damaged."""
    first, last = queries.places[query], queries.places[query + 1]
    found = np.empty((len(sums), BLOCK))
    whole = score_window(
        index,
        norms,
        queries.terms[first:last],
        queries.weights[first:last],
        list_places[first:last],
        list_ends[first:last],
        list_blocks[first:last],
        start,
        sums,
        needed,
        found,
    )
    if not whole:
        return False
    for block in range(len(sums)):
        if sums[block] >= needed and not _keep(index, start + block, found[block], query, best):
            return False
    return True


@lean
def _collect(sums, needed, histogram, candidates):
    """Put the places of the sums that are large enough into `candidates`, and count them in a histogram.

    Returns:
        how many there are.
    """
    count = 0
    for chunk in range(0, len(sums), CHUNK):
        if _largest(sums[chunk : chunk + CHUNK]) < needed:
            continue
        for place in range(chunk, chunk + CHUNK):
            if sums[place] >= needed:
                histogram[sums[place] >> BIN_BITS] += 1
                candidates[count] = place
                count += 1
    return count


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
def _needed(best, query, scale, words):
    """Return the least sum of a block that may hold a sentence that is wanted.

    A score of the last one kept is rounded to five digits; each bound was rounded down by less than 1.
    """
    least = 1 if words <= FEW_WORDS and scale > 0 else 0
    if best.kept[query] < best.scores.shape[1] or scale == 0:
        return least
    score = best.scores[query, best.worst[query]]
    return max(np.int64(np.floor(score * (1 - SLACK) * scale)) - words, least)


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
