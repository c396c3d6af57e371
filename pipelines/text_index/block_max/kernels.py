"""The compiled part of a search: bounds added up window by window, blocks scored, the best paragraphs kept.

Numba compiles these functions once a machine and keeps them beside this file, or in the user's cache folder.
They hold no lock of Python, so that threads search side by side.
"""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["BLOCK", "LONGEST_NUMBER", "WINDOW", "bounds_of_string", "find_terms", "search_windows"]

BLOCK = 8
"""Sentences of a block."""
WINDOW = 1 << 14
"""Blocks whose bounds are added up at once: their sums stay in the first cache."""
LONGEST_NUMBER = 16
"""Bytes behind the last number in a file of numbers, so that damaged ones are never read past its end."""
CHUNK = 64
"""Blocks of which the largest sum is looked at first."""
SENTENCE_BITS = 12
"""`kc_schema.tables.SENTENCES_PER_PARAGRAPH` as a power of two."""
BIN_BITS = 6
BINS = 1 << (16 - BIN_BITS)
AT_ONCE = 24
"""Blocks with the largest sums so far that are scored as soon as they are seen, or twice the hits wanted."""
LATER = 1 << 14
"""Blocks of a query that wait to be scored until most are known to be needless."""
FEW_WORDS = 128
"""Up to so many words, a block that holds one of them has a sum above 0."""

_compiled = njit(cache=True, nogil=True, boundscheck=False)


@_compiled
def _varint(data, place):
    """Return the number that stands at `place`, seven bits a byte, and the place behind it."""
    byte = data[place]
    value = np.int64(byte & 127)
    place += 1
    shift = 7
    while byte & 128 and shift < 63:
        byte = data[place]
        value |= np.int64(byte & 127) << shift
        shift += 7
        place += 1
    return value, place


@_compiled
def _length_class(length):
    if length < 40:
        return length
    rest = length - 24
    shift = 0
    while rest >> shift >= 16:
        shift += 1
    return 24 + (((shift + 1) << 3) | ((rest >> shift) & 7))


@_compiled
def _rounded(score):
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


@_compiled
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


@_compiled
def _score_block(data, place, end, sentence, slots, terms, weights, norms, k, scores, sentences, kept, worst):
    """Score all sentences of a block by the words of a query, and keep the best.

    Returns how many paragraphs are kept, and the worst; -1 where the block is damaged.
    """
    mask = len(slots) - 1
    first = True
    if place < 0 or end + LONGEST_NUMBER > len(data):
        return -1, worst
    while place < end:
        header, place = _varint(data, place)
        count = header >> 1
        if header & 1:
            step, place = _varint(data, place)
            position, place = _varint(data, place)
            sentence = (((sentence >> SENTENCE_BITS) + step) << SENTENCE_BITS) | position
        elif not first:
            sentence += 1
        first = False
        norm = norms[_length_class(count)]
        score = 0.0
        term = np.int64(0)
        slot = -1
        frequency = np.float32(0)
        for _ in range(count):
            if place >= end:
                return -1, worst
            # One and two bytes without a branch, which no processor could foretell.
            byte = np.int64(data[place])
            follows = byte >> 7
            following = np.int64(data[place + follows])
            gap = (byte & 127) | ((following & 127) << 7) & -follows
            place += 1 + follows
            if follows & (following >> 7):
                shift = 14
                while shift < 63:
                    byte = np.int64(data[place])
                    place += 1
                    gap |= (byte & 127) << shift
                    if byte < 128:
                        break
                    shift += 7
            if gap == 0:
                frequency += np.float32(1)
                continue
            if slot >= 0:
                score += weights[slot] * (frequency / (frequency + norm))
                slot = -1
            term += gap
            at = term & mask
            while slots[at]:
                if terms[slots[at] - 1] == term:
                    slot = np.int64(slots[at] - 1)
                    frequency = np.float32(1)
                    break
                at = (at + 1) & mask
        if slot >= 0:
            score += weights[slot] * (frequency / (frequency + norm))
        # Rounding takes longer than all of the above; it adds less than 5.2e-5 of a score.
        if score > 0 and (kept < k or score > scores[worst] * (1 - 5.2e-5)):
            kept, worst = _keep(_rounded(score), sentence, k, scores, sentences, kept, worst)
    return kept, worst


@_compiled
def _score_for(
    query,
    block,
    data,
    block_places,
    block_sentences,
    slots,
    terms,
    weights,
    query_places,
    norms,
    k,
    scores,
    sentences,
    kept,
    worst,
    work,
):
    """Score a block for one of several queries and count it; return False where the block is damaged."""
    first, last = query_places[query], query_places[query + 1]
    work[query] += 1
    kept[query], worst[query] = _score_block(
        data,
        block_places[block],
        block_places[block + 1],
        block_sentences[block],
        slots[query],
        terms[first:last],
        weights[first:last],
        norms,
        k,
        scores[query],
        sentences[query],
        kept[query],
        worst[query],
    )
    return kept[query] >= 0


@_compiled
def _add_dense(sums, bounds, weight):
    for place in range(len(sums)):
        sums[place] += np.uint16((np.uint32(bounds[place]) * np.uint32(weight)) >> np.uint32(8))


@_compiled
def _largest(sums):
    largest = np.uint16(0)
    for place in range(len(sums)):
        largest = max(largest, sums[place])
    return largest


@_compiled
def _add_list(sums, start, data, place, end, block, weight):
    """Add the bounds of a list's entries in the window that begins at block `start`.

    `block` is that of the entry before `place`; returned are the place behind the last entry added, and its block.
    """
    stop = start + len(sums)
    while place < end:
        gap = np.int64(data[place])
        behind = place + 1
        if gap & 128:
            gap &= 127
            shift = 7
            while shift < 63:
                byte = data[behind]
                behind += 1
                gap |= np.int64(byte & 127) << shift
                if byte < 128:
                    break
                shift += 7
        if gap < 0 or block + gap >= stop:
            break
        block += gap
        sums[block - start] += np.uint16((np.uint32(data[behind]) * np.uint32(weight)) >> np.uint32(8))
        place = behind + 1
    return place, block


@_compiled
def _fill_slots(slots, terms):
    mask = len(slots) - 1
    for number in range(len(terms)):
        at = terms[number] & mask
        while slots[at]:
            at = (at + 1) & mask
        slots[at] = number + 1


@_compiled
def search_windows(
    data,
    block_places,
    block_sentences,
    dense,
    lists,
    list_places,
    norms,
    query_places,
    query_terms,
    query_weights,
    k,
    scores,
    sentences,
    kept,
    work,
):
    """Find the best sentences of the best `k` paragraphs for several queries.

    Args:
        query_places: where the words of each query begin in the next two.
        query_terms: numbers of the words, from 1, ascending within a query.
        query_weights: idf (k1 + 1) times the frequency in the query.
        scores, sentences: of each query, `k` places for the results, in no order.
        kept: of each query, how many results there are.
        work: blocks scored, of each query.

    Returns:
        whether all went well; False where the arrays are damaged.
    """
    blocks = len(block_sentences)
    queries = len(query_places) - 1
    n_dense = dense.shape[0]
    most = 1
    for query in range(queries):
        most = max(most, query_places[query + 1] - query_places[query])
    size = 16
    while size < 8 * most:
        size *= 2
    slots = np.zeros((queries, size), np.int32)
    scales = np.zeros(queries)
    steps = np.zeros(len(query_terms), np.uint16)
    places = np.zeros(len(query_terms), np.int64)
    before = np.zeros(len(query_terms), np.int64)
    worst = np.zeros(queries, np.int64)
    for query in range(queries):
        first, last = query_places[query], query_places[query + 1]
        _fill_slots(slots[query], query_terms[first:last])
        total = 0.0
        for word in range(first, last):
            total += query_weights[word]
            term = query_terms[word] - 1
            if term >= n_dense:
                places[word] = list_places[term - n_dense]
                end = list_places[term - n_dense + 1]
                if not 0 <= places[word] <= end <= len(lists) - LONGEST_NUMBER:
                    return False
        least = 256 if last - first <= FEW_WORDS else 0
        room = 65535.0 - (last - first) * max(least, 1)
        scales[query] = room / total if room > 1024 and total > 0 else 0.0
        for word in range(first, last):
            step = np.ceil(query_weights[word] * scales[query] * (256.0 / 255.0))
            steps[word] = min(max(step, least), 65535.0) if scales[query] > 0 else 0
    all_sums = np.zeros(WINDOW, np.uint16)
    histograms = np.zeros((queries, BINS), np.int32)
    later_blocks = np.empty((queries, LATER), np.int64)
    later_sums = np.empty((queries, LATER), np.uint16)
    n_later = np.zeros(queries, np.int64)
    at_once = max(AT_ONCE, 2 * k)
    for start in range(0, blocks, WINDOW):
        stop = min(start + WINDOW, blocks)
        sums = all_sums[: stop - start]
        for query in range(queries):
            first, last = query_places[query], query_places[query + 1]
            words = last - first
            if words == 0:
                continue
            sums[:] = 0
            for word in range(first, last):
                term = query_terms[word] - 1
                if term < n_dense:
                    _add_dense(sums, dense[term, start:stop], steps[word])
                else:
                    places[word], before[word] = _add_list(
                        sums,
                        start,
                        lists,
                        places[word],
                        list_places[term - n_dense + 1],
                        before[word],
                        steps[word],
                    )
            needed = _needed(kept[query], k, scores[query, worst[query]], scales[query], words)
            if not _count_sums(sums, needed, histograms[query]):
                continue
            # Blocks with the largest sums so far are scored at once, which raises what is needed; most of the others
            # never need to be.
            cut = max(_cut(histograms[query], at_once), needed)
            for turn in range(2):
                for chunk in range(0, stop - start, CHUNK):
                    end = min(chunk + CHUNK, stop - start)
                    if _largest(sums[chunk:end]) < needed:
                        continue
                    for place in range(chunk, end):
                        if sums[place] < needed or (sums[place] >= cut) != (turn == 0):
                            continue
                        block = start + place
                        if turn == 1 and n_later[query] < LATER:
                            later_blocks[query, n_later[query]] = block
                            later_sums[query, n_later[query]] = sums[place]
                            n_later[query] += 1
                            continue
                        if not _score_for(
                            query,
                            block,
                            data,
                            block_places,
                            block_sentences,
                            slots,
                            query_terms,
                            query_weights,
                            query_places,
                            norms,
                            k,
                            scores,
                            sentences,
                            kept,
                            worst,
                            work,
                        ):
                            return False
                        needed = _needed(kept[query], k, scores[query, worst[query]], scales[query], words)
    for query in range(queries):
        first, last = query_places[query], query_places[query + 1]
        order = np.argsort(later_sums[query, : n_later[query]])
        for number in range(n_later[query] - 1, -1, -1):
            place = order[number]
            score = scores[query, worst[query]]
            if later_sums[query, place] < _needed(kept[query], k, score, scales[query], last - first):
                break
            if not _score_for(
                query,
                later_blocks[query, place],
                data,
                block_places,
                block_sentences,
                slots,
                query_terms,
                query_weights,
                query_places,
                norms,
                k,
                scores,
                sentences,
                kept,
                worst,
                work,
            ):
                return False
    return True


@_compiled
def _count_sums(sums, needed, histogram):
    """Count the sums that are large enough in a histogram; return how many there are."""
    count = 0
    for chunk in range(0, len(sums), CHUNK):
        part = sums[chunk : min(chunk + CHUNK, len(sums))]
        if _largest(part) >= needed:
            for place in range(len(part)):
                if part[place] >= needed:
                    histogram[part[place] >> BIN_BITS] += 1
                    count += 1
    return count


@_compiled
def _cut(histogram, wanted):
    """Return a sum that about `wanted` of those in the histogram reach."""
    count = 0
    for place in range(BINS - 1, -1, -1):
        count += histogram[place]
        if count >= wanted:
            return place << BIN_BITS
    return 0


@_compiled
def _needed(kept, k, score, scale, words):
    """Return the least sum of a block that may hold a sentence that is wanted.

    A score of the last one kept is rounded to five digits; each bound was rounded down by less than 1.
    """
    least = 1 if words <= FEW_WORDS and scale > 0 else 0
    if kept < k or scale == 0:
        return least
    return max(np.int64(np.floor(score * (1 - 5.2e-5) * scale)) - words, least)


@_compiled
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


@_compiled
def find_terms(data, group_places, group_size, count, wanted, wanted_places, found):
    """Find words in the sorted, front-coded vocabulary; `found` gets their places in its order, or -1."""
    word = np.zeros(1 << 16, np.uint8)
    for number in range(len(wanted_places) - 1):
        target = wanted[wanted_places[number] : wanted_places[number + 1]]
        found[number] = -1
        low, high = 0, len(group_places) - 1  # the last group whose first word is not above the target
        while low < high:
            middle = (low + high) // 2
            place = group_places[middle]
            _, place = _varint(data, place)
            size, place = _varint(data, place)
            if _compare(data[place : place + size], target) <= 0:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            continue
        place = group_places[low - 1]
        term = (low - 1) * group_size
        for at in range(term, min(term + group_size, count)):
            shared, place = _varint(data, place)
            size, place = _varint(data, place)
            if size > len(data) - place or shared + size > len(word):
                break
            word[shared : shared + size] = data[place : place + size]
            place += size
            order = _compare(word[: shared + size], target)
            if order >= 0:
                if order == 0:
                    found[number] = at
                break


@_compiled
def _compare(one, other):
    for place in range(min(len(one), len(other))):
        if one[place] != other[place]:
            return -1 if one[place] < other[place] else 1
    return len(one) - len(other)
