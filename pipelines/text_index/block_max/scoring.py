"""BM25 as Lucene computes it (Robertson and Zaragoza, 2009), with lengths of one byte and 32-bit weights.

idf = ln(1 + (N - n + 0.5) / (n + 0.5)) for a word that n of N sentences hold; a word that stands tf times in a
sentence adds idf (k1 + 1) tf / (tf + k1 (1 - b + b length / mean length)).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.text_index.protocol import BM25_B, BM25_K1

__all__ = [
    "EXACT_LENGTHS",
    "Floats",
    "length_class",
    "lengths_of_classes",
    "norms",
    "weights",
]

EXACT_LENGTHS = 40
"""Lengths below this are kept as they are; longer ones to four significant bits."""

Floats = npt.NDArray[np.float32]


def length_class(length: int) -> int:
    """Return the byte that stands for a sentence's number of words (Lucene, `SmallFloat.intToByte4`)."""
    if length < EXACT_LENGTHS:
        return length
    rest = length - 24
    shift = rest.bit_length() - 4
    return 24 + (((shift + 1) << 3) | ((rest >> shift) & 7))


def lengths_of_classes() -> npt.NDArray[np.int64]:
    """Return the length that each of the 256 bytes stands for: the least of its class."""
    lengths = np.arange(256, dtype=np.int64)
    for byte in range(EXACT_LENGTHS, 256):
        bits = byte - 24
        lengths[byte] = 24 + (((bits & 7) | 8) << ((bits >> 3) - 1))
    return lengths


def norms(words: int, sentences: int) -> Floats:
    """Return, by length class, what is added to a word's frequency below the line: k1 (1 - b + b length / mean)."""
    mean = np.float32(words) / np.float32(max(sentences, 1))
    lengths = lengths_of_classes().astype(np.float32)
    k1, b = np.float32(BM25_K1), np.float32(BM25_B)
    result: Floats = k1 * (np.float32(1) - b + b * lengths / np.maximum(mean, np.float32(1e-9)))
    return result


def weights(holding: npt.NDArray[np.int64], sentences: int) -> Floats:
    """Return idf (k1 + 1) of words that so many sentences hold."""
    half, one = np.float32(0.5), np.float32(1)
    share = ((sentences - holding).astype(np.float32) + half) / (holding.astype(np.float32) + half)
    result: Floats = np.log(one + share) * (one + np.float32(BM25_K1))
    return result
