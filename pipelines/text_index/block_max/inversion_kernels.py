"""The compiled part of a build: vocabularies joined, sentences coded, lists inverted and joined."""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

import numpy as np
from numba import njit

from pipelines.text_index.block_max.kernels import BLOCK, SENTENCE_BITS, _length_class, _varint

__all__ = [
    "code_vocabulary",
    "count_holding",
    "decode_vocabulary",
    "gather_words",
    "invert",
    "join_lists",
    "measure_lists",
    "numbers_of",
    "take_words",
]

_compiled = njit(cache=True, nogil=True, boundscheck=False)


@_compiled
def count_holding(words, counts, different):
    """Return how many sentences hold each of the `different` words."""
    holding = np.zeros(different, np.uint32)
    last = np.full(different, -1, np.int64)
    place = 0
    for sentence in range(len(counts)):
        for _ in range(counts[sentence]):
            word = words[place]
            if last[word] != sentence:
                last[word] = sentence
                holding[word] += np.uint32(1)
            place += 1
    return holding


@_compiled
def _order(one, one_start, one_end, other, other_start, other_end):
    size = min(one_end - one_start, other_end - other_start)
    for place in range(size):
        if one[one_start + place] != other[other_start + place]:
            return -1 if one[one_start + place] < other[other_start + place] else 1
    return (one_end - one_start) - (other_end - other_start)


@_compiled
def numbers_of(words, places, all_words, all_places, all_numbers):
    """Return the number of each word of a sorted vocabulary, all of which are in another sorted one."""
    numbers = np.empty(len(places) - 1, np.int64)
    at = 0
    for word in range(len(places) - 1):
        while _order(all_words, all_places[at], all_places[at + 1], words, places[word], places[word + 1]):
            at += 1
        numbers[word] = all_numbers[at]
    return numbers


@_compiled
def _put(data, place, value):
    """Write a number, seven bits a byte; return the place behind it."""
    while value >= 128:
        data[place] = np.uint8(value & 127 | 128)
        value >>= 7
        place += 1
    data[place] = np.uint8(value)
    return place + 1


@_compiled
def _size(value):
    size = 1
    while value >= 128:
        value >>= 7
        size += 1
    return size


@_compiled
def _sort(words, first, last, numbers):
    """Sort the words of a sentence by their numbers (there are few)."""
    for place in range(first + 1, last):
        word = words[place]
        number = numbers[word]
        at = place
        while at > first and numbers[words[at - 1]] > number:
            words[at] = words[at - 1]
            at -= 1
        words[at] = word


@_compiled
def invert(words, counts, sentences, numbers, norms, n_dense):
    """Code the sentences of a unit, and list by word in which blocks it stands, with its bound.

    Args:
        words: places in the unit's vocabulary; is sorted in place.
        numbers: the number of each word of that vocabulary, from 0.

    Returns:
        data, block_places, block_sentences, dense: as in `files.Arrays`, for the blocks of this unit.
        list_numbers: the words with lists, ascending.
        list_places: where each list begins in `lists`; one more for the end.
        list_blocks: the last block of each list.
        lists: as in `files.Arrays`; the first block of each counts from the unit's first one.
    """
    blocks = (len(counts) + BLOCK - 1) // BLOCK
    data = np.empty(5 * len(words) + 24 * len(counts), np.uint8)
    block_places = np.zeros(blocks + 1, np.int64)
    block_sentences = np.zeros(blocks, np.int64)
    dense = np.zeros((n_dense, blocks), np.uint8)
    entry_words = np.empty(len(words), np.uint32)
    entry_blocks = np.empty(len(words), np.uint32)
    entry_bounds = np.empty(len(words), np.uint8)
    entries = 0
    latest = np.full(len(numbers), -1, np.int64)
    sizes = np.zeros(len(numbers) + 1, np.int64)
    place = 0
    at = 0
    for sentence in range(len(counts)):
        block = sentence // BLOCK
        count = np.int64(counts[sentence])
        identity = sentences[sentence]
        header = 2 * count
        if sentence % BLOCK == 0:
            block_places[block] = place
            block_sentences[block] = identity
            place = _put(data, place, header)
        elif identity == sentences[sentence - 1] + 1:
            place = _put(data, place, header)
        else:
            place = _put(data, place, header + 1)
            step = (identity >> SENTENCE_BITS) - (sentences[sentence - 1] >> SENTENCE_BITS)
            place = _put(data, place, step)
            place = _put(data, place, identity & ((1 << SENTENCE_BITS) - 1))
        if count > 64:
            part = words[at : at + count]
            part[:] = part[np.argsort(numbers[part])]
        else:
            _sort(words, at, at + count, numbers)
        norm = np.float64(norms[_length_class(count)])
        last = np.int64(-1)
        end = at + count
        while at < end:
            word = words[at]
            number = numbers[word]
            place = _put(data, place, number - last)
            last = number
            frequency = 1
            at += 1
            while at < end and words[at] == word:
                data[place] = 0
                place += 1
                frequency += 1
                at += 1
            bound = np.uint8(min(255.0, np.ceil(frequency / (frequency + norm) * 255.0 * (1 + 1e-6))))
            if number < n_dense:
                dense[number, block] = max(dense[number, block], bound)
            elif latest[word] >= 0 and entry_blocks[latest[word]] == block:
                entry_bounds[latest[word]] = max(entry_bounds[latest[word]], bound)
            else:
                latest[word] = entries
                entry_words[entries] = word
                entry_blocks[entries] = block
                entry_bounds[entries] = bound
                sizes[word + 1] += 1
                entries += 1
    block_places[blocks] = place
    starts = np.cumsum(sizes)
    by_word = np.empty(entries, np.uint32)
    ends = starts[:-1].copy()
    for entry in range(entries):
        word = entry_words[entry]
        by_word[ends[word]] = entry
        ends[word] += 1
    order = np.argsort(numbers)
    n_lists = 0
    for word in order:
        if sizes[word + 1]:
            n_lists += 1
    list_numbers = np.empty(n_lists, np.uint32)
    list_places = np.zeros(n_lists + 1, np.int64)
    list_blocks = np.empty(n_lists, np.uint32)
    lists = np.empty(6 * entries, np.uint8)
    n_lists = 0
    list_place = 0
    for word in order:
        if not sizes[word + 1]:
            continue
        last = 0
        for entry in by_word[starts[word] : starts[word + 1]]:
            list_place = _put(lists, list_place, np.int64(entry_blocks[entry]) - last)
            last = np.int64(entry_blocks[entry])
            lists[list_place] = entry_bounds[entry]
            list_place += 1
        list_numbers[n_lists] = numbers[word]
        list_blocks[n_lists] = last
        n_lists += 1
        list_places[n_lists] = list_place
    return (
        data[:place],
        block_places,
        block_sentences,
        dense,
        list_numbers,
        list_places,
        list_blocks,
        lists[:list_place],
    )


@_compiled
def measure_lists(first, lengths, latest, numbers, places, blocks, lists, first_block):
    """Add to `lengths` what a unit's lists take behind those of the units before it.

    Args:
        first: number of the word that `lengths` and `latest` begin with.
        latest: the last block of each word so far; is moved on.
        numbers, places, blocks, lists: of the unit, see `invert`, for these words alone.
        first_block: the unit's first block.
    """
    for at in range(len(numbers)):
        word = np.int64(numbers[at]) - first
        start = places[at] - places[0]
        gap, behind = _varint(lists, start)
        lengths[word] += _size(first_block + gap - latest[word]) + (places[at + 1] - places[0]) - behind
        latest[word] = first_block + np.int64(blocks[at])


@_compiled
def join_lists(joined, first, ends, latest, numbers, places, blocks, lists, first_block):
    """Write a unit's lists behind those of the units before it; `ends` and `latest` are moved on."""
    for at in range(len(numbers)):
        word = np.int64(numbers[at]) - first
        start = places[at] - places[0]
        gap, behind = _varint(lists, start)
        place = _put(joined, ends[word], first_block + gap - latest[word])
        for byte in range(behind, places[at + 1] - places[0]):
            joined[place] = lists[byte]
            place += 1
        ends[word] = place
        latest[word] = first_block + np.int64(blocks[at])


@_compiled
def code_vocabulary(words, places, group):
    """Return the front-coded vocabulary and the places of its groups; see `files.Arrays`."""
    count = len(places) - 1
    coded = np.empty(len(words) + 6 * count, np.uint8)
    group_places = np.zeros((count + group - 1) // group + 1, np.int64)
    place = 0
    for word in range(count):
        first, last = places[word], places[word + 1]
        shared = 0
        if word % group == 0:
            group_places[word // group] = place
        else:
            before = places[word - 1]
            most = min(first - before, last - first)
            while shared < most and words[before + shared] == words[first + shared]:
                shared += 1
        place = _put(coded, place, shared)
        place = _put(coded, place, last - first - shared)
        for byte in range(first + shared, last):
            coded[place] = words[byte]
            place += 1
    group_places[len(group_places) - 1] = place
    return coded[:place], group_places


@_compiled
def decode_vocabulary(coded, places, group, count):
    """Return the bytes of `count` coded words (`code_vocabulary`), and where each begins; one more for the end."""
    begins = np.zeros(count + 1, np.int64)
    place = np.int64(0)
    for word in range(count):
        shared, place = _varint(coded, place)
        rest, place = _varint(coded, place)
        begins[word + 1] = begins[word] + shared + rest
        place += rest
    words = np.empty(begins[count], np.uint8)
    for start in range(0, count, group):
        place = places[start // group]
        for word in range(start, min(start + group, count)):
            shared, place = _varint(coded, place)
            rest, place = _varint(coded, place)
            at = begins[word]
            if shared:
                words[at : at + shared] = words[begins[word - 1] : begins[word - 1] + shared]
            words[at + shared : at + shared + rest] = coded[place : place + rest]
            place += rest
    return words, begins


@_compiled
def take_words(data, block_places, block_sentences, wanted):
    """Return the words of sentences as `invert` coded them.

    Args:
        data, block_places, block_sentences: as in `files.Arrays`, undamaged.
        wanted: ids of sentences, ascending.

    Returns:
        counts: how many words each has; -1 for a sentence that is not there.
        numbers: the numbers of these words, of one sentence after the other.
    """
    counts = np.full(len(wanted), -1, np.int64)
    if not len(wanted) or not len(block_sentences):
        return counts, np.empty(0, np.uint32)
    first = max(np.searchsorted(block_sentences, wanted[0], "right") - 1, 0)
    end_block = np.searchsorted(block_sentences, wanted[-1], "right")
    numbers = np.empty(max(block_places[end_block] - block_places[first], 0), np.uint32)
    size = 0
    at = 0
    for block in range(first, end_block):
        if block + 1 < len(block_sentences) and block_sentences[block + 1] <= wanted[at]:
            continue
        place = block_places[block]
        sentence = block_sentences[block]
        begins = True
        while place < block_places[block + 1]:
            header, place = _varint(data, place)
            if header & 1:
                step, place = _varint(data, place)
                position, place = _varint(data, place)
                sentence = (((sentence >> SENTENCE_BITS) + step) << SENTENCE_BITS) | position
            elif not begins:
                sentence += 1
            begins = False
            while at < len(wanted) and wanted[at] < sentence:
                at += 1
            if at == len(wanted):
                return counts, numbers[:size]
            taken = wanted[at] == sentence
            number = np.int64(-1)
            for _ in range(header >> 1):
                step, place = _varint(data, place)
                number += step
                if taken:
                    numbers[size] = number
                    size += 1
            if taken:
                counts[at] = header >> 1
    return counts, numbers[:size]


@_compiled
def gather_words(sources, counts, words, other_counts, other_words):
    """Return the counts and words of all sentences of a unit.

    Args:
        sources: for each sentence which one of those in `counts` and `words` it is; -1 for the next other one.
        counts, words: of known sentences; a negative count is one of no words.
        other_counts, other_words: of the others, in their order.
    """
    begins = np.zeros(len(counts), np.int64)
    place = np.int64(0)
    for known in range(len(counts)):
        begins[known] = place
        place += max(counts[known], 0)
    all_counts = np.empty(len(sources), np.uint32)
    size = len(other_words)
    for sentence in range(len(sources)):
        if sources[sentence] >= 0:
            size += counts[sources[sentence]]
    all_words = np.empty(size, np.uint32)
    at = other = other_at = 0
    for sentence in range(len(sources)):
        if sources[sentence] >= 0:
            count = np.int64(counts[sources[sentence]])
            begin = begins[sources[sentence]]
            all_words[at : at + count] = words[begin : begin + count]
        else:
            count = np.int64(other_counts[other])
            all_words[at : at + count] = other_words[other_at : other_at + count]
            other += 1
            other_at += count
        all_counts[sentence] = count
        at += count
    return all_counts, all_words
