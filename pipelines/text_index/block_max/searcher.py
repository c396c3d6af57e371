"""Answers queries from the arrays: words looked up, weighted, and handed to the compiled search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.text_index.block_max.files import GROUP, Arrays, Sizes
from pipelines.text_index.block_max.kernels import find_terms, search_windows
from pipelines.text_index.block_max.scoring import norms, weights
from pipelines.text_index.ranking import ScoredSentence

__all__ = ["Searcher"]

Words = Counter[str]

_DAMAGED = "the index is damaged"


class Searcher:
    """Searches the arrays of an index; safe to use from several threads."""

    def __init__(self, arrays: Arrays, sizes: Sizes) -> None:
        self._arrays = arrays
        self.sizes = sizes
        """What the scores are computed with, among others."""
        self._norms = norms(sizes.words, sizes.sentences)
        self.blocks_scored = 0
        """Blocks whose sentences were scored, in all searches: what pruning has left."""

    def holding(self, words: Iterable[str]) -> dict[str, int]:
        """Return how many sentences hold each of the words that the index knows."""
        numbers = self._numbers(dict.fromkeys(words))
        return {word: int(self._arrays.holding[number]) for word, number in numbers.items()}

    def search(self, queries: Sequence[Words], k: int) -> list[list[ScoredSentence]]:
        """Return the best sentence of each of the best `k` paragraphs of every query, ordered as in `ranking`.

        Args:
            queries: words with how often each stands in the query.
            k: distinct paragraphs wanted.

        Raises:
            ValueError: the index is damaged.
        """
        k = max(1, min(k, self.sizes.sentences))
        places, terms, term_weights = self._code(queries)
        shape = (len(queries), k)
        scores, sentences = np.zeros(shape), np.zeros(shape, np.int64)
        kept, work = np.zeros(len(queries), np.int64), np.zeros(len(queries), np.int64)
        arrays = self._arrays
        whole = search_windows(
            arrays.sentences,
            arrays.block_places,
            arrays.block_sentences,
            arrays.dense,
            arrays.lists,
            arrays.list_places,
            self._norms,
            places,
            terms,
            term_weights,
            k,
            scores,
            sentences,
            kept,
            work,
        )
        if not whole:
            raise ValueError(_DAMAGED)
        self.blocks_scored += int(work.sum())
        found = []
        for query, size in enumerate(kept.tolist()):
            order = np.lexsort((sentences[query, :size], -scores[query, :size]))
            best = zip(scores[query, order].tolist(), sentences[query, order].tolist(), strict=True)
            found.append([ScoredSentence(score, sentence) for score, sentence in best])
        return found

    def _code(
        self, queries: Sequence[Words]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return where the words of each query begin, the words' numbers from 1 (ascending), and their weights."""
        numbers = self._numbers({word: None for query in queries for word in query})
        places, terms, frequencies = [0], [], []
        for query in queries:
            known = sorted((numbers[word], count) for word, count in query.items() if word in numbers)
            terms += [number for number, _ in known]
            frequencies += [count for _, count in known]
            places.append(len(terms))
        number_of = np.array(terms, np.int64)
        found = weights(self._arrays.holding[number_of].astype(np.int64), self.sizes.sentences)
        return np.array(places, np.int64), number_of + 1, found * np.array(frequencies, np.float32)

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
