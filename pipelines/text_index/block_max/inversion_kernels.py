"""The compiled part of a build: vocabularies joined, sentences coded, lists inverted and joined."""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

import numpy as np

from pipelines.text_index.block_max.coding import (
    BLOCK,
    EMPTY,
    LEVELS,
    MANY,
    SENTENCE_BITS,
    SIZED,
    SLOTS_PER_IDENTITY,
    STRETCH,
    length_class,
    read_number,
    size_of_number,
    write_number,
)
from pipelines.text_index.block_max.compiling import compiled

__all__ = [
    "code_vocabulary",
    "count_holding",
    "decode_vocabulary",
    "gather_words",
    "invert",
    "join_lists",
    "lay_out_lists",
    "measure_lists",
    "numbers_of",
]


@compiled
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


@compiled
def _order(one, one_start, one_end, other, other_start, other_end):
    size = min(one_end - one_start, other_end - other_start)
    for place in range(size):
        if one[one_start + place] != other[other_start + place]:
            return -1 if one[one_start + place] < other[other_start + place] else 1
    return (one_end - one_start) - (other_end - other_start)


@compiled
def numbers_of(words, places, all_words, all_places, all_numbers):
    """Return the number of each word of a sorted vocabulary, all of which are in another sorted one."""
    numbers = np.empty(len(places) - 1, np.int64)
    at = 0
    for word in range(len(places) - 1):
        while _order(all_words, all_places[at], all_places[at + 1], words, places[word], places[word + 1]):
            at += 1
        numbers[word] = all_numbers[at]
    return numbers


@compiled
def invert(words, counts, sentences, numbers, order, norms, n_dense, n_common):
    """Code the sentences of a unit, and list by word which of them hold it, with a bound for every block.

    Args:
        words: places in the unit's vocabulary, of one sentence after the other.
        sentences: ids, ascending.
        numbers: the number of each word of that vocabulary, from 0.
        order: the words in the order of their numbers.
        n_dense, n_common: how many words are dense, and common; see `files.Arrays`.

    Returns:
        blocks, block_places, identities, identity_places, dense, common, common_ends: as in `files.Arrays`, for this
            unit; the places without the last one.
        common_sizes: bytes of each common word in `common`.
        list_numbers: the words with lists, ascending.
        list_places: where each list begins in `lists`; one more for the end.
        list_blocks: the last block of each list.
        lists: as in `files.Arrays`, without sizes; the first block of each counts from the unit's first one.
    """
    blocks = -(-len(counts) // (BLOCK * STRETCH)) * STRETCH
    lengths = np.full(blocks * BLOCK, EMPTY, np.uint8)
    for slot in range(len(counts)):
        lengths[slot] = length_class(np.int64(counts[slot]))
    identities, identity_places = _identities(sentences, blocks)
    slots, starts = _by_word(words, counts, len(numbers))
    dense = np.zeros((n_dense, blocks), np.uint8)
    masks = np.zeros((blocks, n_dense), np.uint8)
    again = np.empty(len(words), np.uint32)
    again_blocks = np.empty(len(words), np.uint32)
    n_again = 0
    common = np.empty(6 * len(words), np.uint8)
    common_ends = np.zeros((n_common, blocks // STRETCH), np.uint32)
    common_sizes = np.zeros(n_common, np.int64)
    lists = np.empty(9 * len(words), np.uint8)
    list_numbers = np.empty(len(numbers), np.uint32)
    list_places = np.zeros(len(numbers) + 1, np.int64)
    list_blocks = np.zeros(len(numbers), np.uint32)
    frequencies = np.zeros(BLOCK, np.int64)
    room = (
        np.empty(STRETCH, np.uint8),
        np.empty(STRETCH, np.uint8),
        np.empty(STRETCH, np.uint8),
        np.empty(5 * BLOCK * STRETCH, np.uint8),
    )
    common_place = list_place = np.int64(0)
    n_lists = 0
    for word in order:
        number = numbers[word]
        at, end = starts[word], starts[word + 1]
        latest = np.int64(0)
        if n_dense <= number < n_dense + n_common:
            first_common = common_place
            common_place = _write_stretches(
                common, common_place, slots[at:end], lengths, norms, room, common_ends[number - n_dense]
            )
            common_sizes[number - n_dense] = common_place - first_common
            continue
        while at < end:
            block = np.int64(slots[at]) // BLOCK
            at, bound = _next_block(slots, at, end, lengths, norms, frequencies)
            if number < n_dense:
                dense[number, block] = bound
                for sentence in range(BLOCK):
                    if frequencies[sentence]:
                        masks[block, number] |= np.uint8(1 << sentence)
                    for _ in range(1, frequencies[sentence]):
                        again[n_again] = number * BLOCK + sentence
                        again_blocks[n_again] = block
                        n_again += 1
            else:
                list_place = write_number(lists, list_place, block - latest)
                list_place = _write_entry(lists, list_place, bound, frequencies)
                latest = block
        if number < n_dense:
            continue
        list_numbers[n_lists] = number
        list_blocks[n_lists] = latest
        n_lists += 1
        list_places[n_lists] = list_place
    return (
        *_block_records(lengths, masks, again[:n_again], again_blocks[:n_again]),
        identities,
        identity_places,
        dense,
        common[:common_place],
        common_ends,
        common_sizes,
        list_numbers[:n_lists],
        list_places[: n_lists + 1],
        list_blocks[:n_lists],
        lists[:list_place],
    )


@compiled
def _by_word(words, counts, different):
    """Return the slots of the sentences that hold each word, word by word, and where each word's begin."""
    starts = np.zeros(different + 1, np.int64)
    for word in words:
        starts[word + 1] += 1
    starts = np.cumsum(starts)
    ends = starts[:-1].copy()
    slots = np.empty(len(words), np.uint32)
    place = 0
    for slot in range(len(counts)):
        for _ in range(counts[slot]):
            word = words[place]
            slots[ends[word]] = slot
            ends[word] += 1
            place += 1
    return slots, starts


@compiled
def _next_block(slots, at, end, lengths, norms, frequencies):
    """Count the word at `at` in the sentences of its block; return the place behind, and the bound as one byte."""
    block = slots[at] // np.uint32(BLOCK)
    frequencies[:] = 0
    bound = np.uint8(0)
    while at < end and slots[at] // np.uint32(BLOCK) == block:
        slot = slots[at]
        frequency = 0
        while at < end and slots[at] == slot:
            frequency += 1
            at += 1
        frequencies[slot % np.uint32(BLOCK)] = frequency
        norm = np.float64(norms[lengths[slot]])
        bound = max(bound, np.uint8(min(255.0, np.ceil(frequency / (frequency + norm) * 255.0 * (1 + 1e-6)))))
    return at, bound


@compiled
def _write_entry(data, place, bound, frequencies):
    """Write what a block's entry says behind its block; see `coding.read_frequencies`. Return the place behind it."""
    holding = 0
    size = 0
    mask = 0
    most = np.int64(0)
    sentence = 0
    for other in range(BLOCK):
        if frequencies[other]:
            sentence = other
            holding += 1
            mask |= 1 << other
            size += size_of_number(frequencies[other])
            most = max(most, frequencies[other])
    if holding == 1 and most == 1:
        for level in range(len(LEVELS)):
            if LEVELS[level] >= bound:
                data[place] = level << 3 | sentence
                return place + 1
    if most == 1:
        size = 0
    code = min(MANY + size, SIZED)
    data[place] = code
    data[place + 1] = bound
    data[place + 2] = mask
    place += 3
    if code == SIZED:
        place = write_number(data, place, size)
    if size:
        for other in range(BLOCK):
            if frequencies[other]:
                place = write_number(data, place, frequencies[other])
    return place


@compiled
def _write_stretches(data, place, slots, lengths, norms, room, ends):
    """Write the entries of a common word, stretch by stretch, and where each stretch ends, from the first one on.

    Args:
        slots: of the sentences that hold it, once for each time.
        room: bytes for a stretch's blocks, bounds, bits for sentences, and counts.

    Returns:
        the place behind the last one.
    """
    blocks, bounds, masks, counts = room
    frequencies = np.zeros(BLOCK, np.int64)
    first = place
    at = 0
    for stretch in range(len(ends)):
        count = n_counts = 0
        while at < len(slots) and np.int64(slots[at]) // (BLOCK * STRETCH) == stretch:
            blocks[count] = np.int64(slots[at]) // BLOCK % STRETCH
            at, bound = _next_block(slots, at, len(slots), lengths, norms, frequencies)
            mask = 0
            several = bound == 255
            for sentence in range(BLOCK):
                several = several or frequencies[sentence] > 1
            for sentence in range(BLOCK):
                if frequencies[sentence]:
                    mask |= 1 << sentence
                    if several:
                        n_counts = write_number(counts, n_counts, frequencies[sentence])
            # Its last bit says whether there are counts; a bound may only be raised.
            bounds[count] = bound | 1 if several else bound + (bound & 1)
            masks[count] = mask
            count += 1
        if count:
            data[place] = count - 1
            for number in range(count):
                data[place + 1 + number] = blocks[number]
                data[place + 1 + count + number] = bounds[number]
                data[place + 1 + 2 * count + number] = masks[number]
            place += 1 + 3 * count
            for number in range(n_counts):
                data[place + number] = counts[number]
            place += n_counts
        ends[stretch] = place - first
    return place


@compiled
def _block_records(lengths, masks, again, again_blocks):
    """Return the record of every block, one behind the other, and where each begins."""
    blocks, n_dense = masks.shape
    firsts = np.zeros(blocks + 1, np.int64)
    for block in again_blocks:
        firsts[block + 1] += 1
    firsts = np.cumsum(firsts)
    ends = firsts[:-1].copy()
    sorted_again = np.empty(len(again), np.uint32)
    for number in range(len(again)):  # words ascend, and so do those of a block
        block = again_blocks[number]
        sorted_again[ends[block]] = again[number]
        ends[block] += 1
    data = np.empty(blocks * (BLOCK + n_dense) + 5 * len(again), np.uint8)
    places = np.empty(blocks, np.int64)
    place = np.int64(0)
    for block in range(blocks):
        places[block] = place
        data[place : place + BLOCK] = lengths[block * BLOCK : (block + 1) * BLOCK]
        data[place + BLOCK : place + BLOCK + n_dense] = masks[block]
        place += BLOCK + n_dense
        last = np.int64(0)
        for value in sorted_again[firsts[block] : ends[block]]:
            place = write_number(data, place, np.int64(value) - last)
            last = np.int64(value)
    return data[:place], places


@compiled
def _identities(sentences, blocks):
    """Return the coded ids of the unit's sentences, and where those of each `SLOTS_PER_IDENTITY` begin."""
    data = np.empty(22 * len(sentences) + blocks * BLOCK // SLOTS_PER_IDENTITY * 16, np.uint8)
    places = np.zeros(blocks * BLOCK // SLOTS_PER_IDENTITY, np.int64)
    place = 0
    for group in range(len(places)):
        places[group] = place
        first = group * SLOTS_PER_IDENTITY
        last = min(first + SLOTS_PER_IDENTITY, len(sentences))
        place = write_number(data, place, sentences[first] if first < last else sentences[-1] + 1)
        breaks = place
        data[breaks : breaks + SLOTS_PER_IDENTITY // 8] = 0
        place += SLOTS_PER_IDENTITY // 8
        for slot in range(first + 1, last):
            if sentences[slot] != sentences[slot - 1] + 1:
                data[breaks + (slot - first) // 8] |= np.uint8(1 << (slot - first) % 8)
                step = (sentences[slot] >> SENTENCE_BITS) - (sentences[slot - 1] >> SENTENCE_BITS)
                position = sentences[slot] & ((1 << SENTENCE_BITS) - 1)
                place = write_number(data, place, 2 * step + (position > 0))
                if position:
                    place = write_number(data, place, position)
    return data[:place], places


@compiled
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
        gap, behind = read_number(lists, start)
        lengths[word] += (
            size_of_number(first_block + gap - latest[word]) + (places[at + 1] - places[0]) - behind
        )
        latest[word] = first_block + np.int64(blocks[at])


@compiled
def lay_out_lists(lengths, group):
    """Return room for lists of such lengths with their sizes written, where each begins, and every `group`th size."""
    total = np.int64(0)
    for length in lengths:
        total += length + size_of_number(length)
    joined = np.empty(total, np.uint8)
    starts = np.empty(len(lengths), np.int64)
    places = np.empty(-(-len(lengths) // group), np.int64)
    place = np.int64(0)
    for number in range(len(lengths)):
        if number % group == 0:
            places[number // group] = place
        starts[number] = write_number(joined, place, lengths[number])
        place = starts[number] + lengths[number]
    return joined, starts, places


@compiled
def join_lists(joined, first, ends, latest, numbers, places, blocks, lists, first_block):
    """Write a unit's lists behind those of the units before it; `ends` and `latest` are moved on."""
    for at in range(len(numbers)):
        word = np.int64(numbers[at]) - first
        start = places[at] - places[0]
        gap, behind = read_number(lists, start)
        place = write_number(joined, ends[word], first_block + gap - latest[word])
        for byte in range(behind, places[at + 1] - places[0]):
            joined[place] = lists[byte]
            place += 1
        ends[word] = place
        latest[word] = first_block + np.int64(blocks[at])


@compiled
def code_vocabulary(words, places, group):
    """Return the front-coded vocabulary and the places of its groups; see `files.Arrays`."""
    count = len(places) - 1
    coded = np.empty(places[count] - places[0] + 6 * count, np.uint8)
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
        place = write_number(coded, place, shared)
        place = write_number(coded, place, last - first - shared)
        for byte in range(first + shared, last):
            coded[place] = words[byte]
            place += 1
    group_places[len(group_places) - 1] = place
    return coded[:place], group_places


@compiled
def decode_vocabulary(coded, places, group, count):
    """Return the bytes of `count` coded words (`code_vocabulary`), and where each begins; one more for the end."""
    begins = np.zeros(count + 1, np.int64)
    place = np.int64(0)
    for word in range(count):
        shared, place = read_number(coded, place)
        rest, place = read_number(coded, place)
        begins[word + 1] = begins[word] + shared + rest
        place += rest
    words = np.empty(begins[count], np.uint8)
    for start in range(0, count, group):
        place = places[start // group]
        for word in range(start, min(start + group, count)):
            shared, place = read_number(coded, place)
            rest, place = read_number(coded, place)
            at = begins[word]
            if shared:
                words[at : at + shared] = words[begins[word - 1] : begins[word - 1] + shared]
            words[at + shared : at + shared + rest] = coded[place : place + rest]
            place += rest
    return words, begins


@compiled
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
