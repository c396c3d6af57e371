"""How numbers, ids and entries stand in the files of the index: compiled functions that a build and a search share."""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

import numpy as np

from pipelines.text_index.block_max.compiling import lean

__all__ = [
    "BLOCK",
    "EMPTY",
    "LEVELS",
    "MANY",
    "SENTENCE_BITS",
    "SIZED",
    "SLOTS_PER_IDENTITY",
    "SPARE",
    "STRETCH",
    "entries_of_stretch",
    "entry_end",
    "identity_of",
    "length_class",
    "read_counts",
    "read_frequencies",
    "read_number",
    "size_of_number",
    "write_number",
]

BLOCK = 8
"""Sentences of a block: one bit each in a byte. Sentences have slots; slot 17 is the second of the third block."""
STRETCH = 256
"""Blocks whose entries of a common word stand together; a unit of the build fills whole stretches."""
SLOTS_PER_IDENTITY = 32
"""Sentences whose ids are coded together."""
SPARE = 32
"""Bytes behind the last number in a file of numbers, so that damaged ones are never read past its end."""
SENTENCE_BITS = 12
"""`kc_schema.tables.SENTENCES_PER_PARAGRAPH` as a power of two."""
LEVELS = np.array([24, 38, 46, 54, 62, *range(70, 159, 4), 166, 176, 192], np.uint8)
"""Bounds that five bits can name; most sentences' lie where they are close together."""
EMPTY = 255
"""Length class of a slot without a sentence, at the end of a unit of the build: no sentence is so long."""
MANY = 248
"""From here on, an entry's byte says that several sentences of the block hold the word, or one more than once."""
SIZED = 255
"""The frequencies of such an entry take more bytes than its byte can say."""


@lean
def read_number(data, place):
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


@lean
def write_number(data, place, value):
    """Write a number, seven bits a byte; return the place behind it."""
    while value >= 128:
        data[place] = np.uint8(value & 127 | 128)
        value >>= 7
        place += 1
    data[place] = np.uint8(value)
    return place + 1


@lean
def size_of_number(value):
    """Return how many bytes `write_number` takes."""
    size = 1
    while value >= 128:
        value >>= 7
        size += 1
    return size


@lean
def length_class(length):
    """Return what `scoring.length_class` does."""
    if length < 40:
        return length
    rest = length - 24
    shift = 0
    while rest >> shift >= 16:
        shift += 1
    return 24 + (((shift + 1) << 3) | ((rest >> shift) & 7))


@lean
def entry_end(data, place):
    """Return the place behind an entry whose byte stands at `place`."""
    code = data[place]
    if code < MANY:
        return place + 1
    if code < SIZED:
        return place + 3 + np.int64(code - MANY)
    size, place = read_number(data, place + 3)
    return place + (size if 0 <= size < 1 << 40 else 1 << 40)


@lean
def read_frequencies(data, place, end, frequencies):
    """Read how often each sentence of a block holds a word from the entry whose byte stands at `place`."""
    code = data[place]
    frequencies[:] = 0
    if code < MANY:
        frequencies[code & 7] = 1
        return
    mask = data[place + 2]
    place += 3
    if code == SIZED:
        _, place = read_number(data, place)
    for sentence in range(BLOCK):
        if mask >> sentence & 1:
            count = np.int64(1)
            if code > MANY and place < end:
                count, place = read_number(data, place)
            frequencies[sentence] = count


@lean
def entries_of_stretch(data, place, end):
    """Return how many entries a common word has in a stretch that begins at `place`; none where it is damaged.

    Their blocks begin one byte behind `place`; their bounds, and a bit for each sentence, as many bytes further each.
    """
    if place >= end:
        return np.int64(0)
    count = np.int64(data[place]) + 1
    return count if place + 1 + 3 * count <= end else np.int64(0)


@lean
def read_counts(data, bound, sentences, place, end, frequencies):
    """Read how often each sentence of a block holds a common word; return the place behind what says so.

    Args:
        bound: where it is odd, a number for each of these sentences stands at `place`; they hold it once otherwise.
        sentences: a bit for each.
    """
    for sentence in range(BLOCK):
        count = np.int64(sentences >> sentence & 1)
        if count and bound & 1 and place < end:
            count, place = read_number(data, place)
        frequencies[sentence] = count
    return place


@lean
def identity_of(identities, places, slot):
    """Return the id of the sentence in a slot; -1 where the index is damaged."""
    group = slot // SLOTS_PER_IDENTITY
    place, end = places[group], places[group + 1]
    if not 0 <= place < end <= len(identities) - SPARE:
        return np.int64(-1)
    identity, place = read_number(identities, place)
    breaks = np.int64(0)
    for byte in range(SLOTS_PER_IDENTITY // 8):
        breaks |= np.int64(identities[place + byte]) << (8 * byte)
    place += SLOTS_PER_IDENTITY // 8
    for at in range(1, slot % SLOTS_PER_IDENTITY + 1):
        if breaks >> at & 1 and place < end:
            step, place = read_number(identities, place)
            identity = ((identity >> SENTENCE_BITS) + (step >> 1)) << SENTENCE_BITS
            if step & 1:
                position, place = read_number(identities, place)
                identity += position
        else:
            identity += 1
    return identity
