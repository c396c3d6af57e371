"""Answers queries from the arrays: words looked up, weighted, and handed to the compiled search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.text_index.block_max.files import GROUP, Arrays, Sizes
from pipelines.text_index.block_max.kernels import BLOCKWISE_WORDS, Best, CodedQueries, search_windows
from pipelines.text_index.block_max.long_queries import search_long
from pipelines.text_index.block_max.scoring import norms, weights
from pipelines.text_index.block_max.vocabulary import find_terms
from pipelines.text_index.ranking import ScoredSentence

__all__ = ["Searcher"]

Words = Counter[str]

_DAMAGED = "the index is damaged"


class Searcher:
    """Searches the arrays of an index; safe to use from several threads."""

    def __init__(self, arrays: Arrays, sizes: Sizes) -> None:
        """Take arrays that `files.open_arrays` has opened.

        Raises:
            ValueError: the counts of sentences that hold a word are damaged.
        """
        _check_holding(arrays.holding, sizes)
        self._arrays = arrays
        self.sizes = sizes
        """What the scores are computed with, among others."""
        self._norms = norms(sizes.words, sizes.sentences)
        self.blocks_scored = 0
        """Blocks whose sentences were scored, in all searches: what pruning has left."""

    def holding(self, words: Iterable[str]) -> dict[str, int]:
        """Return how many sentences hold each of the words that the index knows."""
        numbers = self._numbers(dict.fromkeys(words))
        found = self._holding(np.fromiter(numbers.values(), np.int64)).tolist()
        return dict(zip(numbers, found, strict=True))

    def search(self, queries: Sequence[Words], k: int) -> list[list[ScoredSentence]]:
        """Return the best sentence of each of the best `k` paragraphs of every query, ordered as in `ranking`.

        Args:
            queries: words with how often each stands in the query.
            k: distinct paragraphs wanted.

        Raises:
            ValueError: the index is damaged.
        """
        k = max(1, min(k, self.sizes.sentences))
        count = len(queries)
        best = Best(
            np.zeros((count, k)),
            np.zeros((count, k), np.int64),
            *(np.zeros(count, np.int64) for _ in range(3)),
        )
        coded = self._code(queries)
        whole = search_windows(self._arrays, self._norms, coded, GROUP, best)
        if np.diff(coded.places).max(initial=0) > BLOCKWISE_WORDS:
            whole = search_long(self._arrays, self._norms, coded, GROUP, best) and whole
        if not whole:
            raise ValueError(_DAMAGED)
        self.blocks_scored += int(best.scored.sum())
        found = []
        for scores, sentences, size in zip(best.scores, best.sentences, best.kept.tolist(), strict=True):
            order = np.lexsort((sentences[:size], -scores[:size]))
            hits = zip(scores[order].tolist(), sentences[order].tolist(), strict=True)
            found.append([ScoredSentence(score, sentence) for score, sentence in hits])
        return found

    def _code(self, queries: Sequence[Words]) -> CodedQueries:
        numbers = self._numbers({word: None for query in queries for word in query})
        places, terms, frequencies = [0], [], []
        for query in queries:
            known = sorted((numbers[word], count) for word, count in query.items() if word in numbers)
            terms += [number for number, _ in known]
            frequencies += [count for _, count in known]
            places.append(len(terms))
        coded = np.array(terms, np.int64)
        found = weights(self._holding(coded), self.sizes.sentences)
        return CodedQueries(np.array(places, np.int64), coded, found * np.array(frequencies, np.float32))

    def _holding(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return how many sentences hold each of the words with these numbers."""
        counts, firsts = self._arrays.holding.T
        found: npt.NDArray[np.int64] = counts[np.searchsorted(firsts, numbers, "right") - 1]
        return found

    def _numbers(self, words: dict[str, Any]) -> dict[str, int]:
        """Return the numbers of the words that the index knows."""
        coded = [word.encode() for word in words]
        places = np.cumsum([0, *map(len, coded)])
        found = np.empty(len(coded), np.int64)
        arrays = self._arrays
        find_terms(
            arrays.vocabulary,
            arrays.vocabulary_places,
            GROUP,
            self.sizes.terms,
            np.frombuffer(b"".join(coded), np.uint8),
            places,
            found,
        )
        numbers = {
            word: int(arrays.numbers[place])
            for word, place in zip(words, found.tolist(), strict=True)
            if place >= 0
        }
        if max(numbers.values(), default=0) >= max(self.sizes.terms, 1):
            raise ValueError(_DAMAGED)
        return numbers


def _check_holding(holding: npt.NDArray[np.int64], sizes: Sizes) -> None:
    """Counts descend from that of all sentences to 1 at the least, and the words that have them ascend from 0."""
    counts, firsts = holding.T
    whole = len(holding) == 0 or (
        sizes.sentences >= counts[0]
        and counts[-1] >= 1
        and bool((np.diff(counts) < 0).all())
        and firsts[0] == 0
        and firsts[-1] < sizes.terms
        and bool((np.diff(firsts) > 0).all())
    )
    if not whole or (len(holding) == 0) != (sizes.terms == 0):
        raise ValueError(f"{_DAMAGED}: its counts of sentences that hold a word cannot be")
