"""From sentences by score to distinct paragraphs, and from a score to what each word adds: the same for every index."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kc_schema.tables import SENTENCES_PER_PARAGRAPH
from pipelines.text_index.protocol import BM25_K1

__all__ = [
    "TIE_LIMIT",
    "ScoredSentence",
    "best_paragraphs",
    "contributions",
    "inverse_document_frequency",
    "rounded",
    "rows_to_ask",
]

TIE_LIMIT = 10_000
"""Sentences that are looked at to settle the order of equal scores."""


class ScoredSentence(NamedTuple):
    """A sentence that a query found."""

    score: float
    sentence_id: int

    @property
    def paragraph_id(self) -> int:
        """The paragraph that holds the sentence (`kc_schema.tables.sentence_id`)."""
        return self.sentence_id // SENTENCES_PER_PARAGRAPH


def rounded(score: float) -> float:
    """Return `score` with five significant digits.

    A score is a sum of 32-bit floats in whatever order an engine visits the terms, so that equal sentences
    may differ in the seventh digit; what differs there is a tie.
    """
    return float(f"{score:.5g}")


def rows_to_ask(k: int) -> int:
    """Return how many sentences to ask for at first, so that `k` distinct paragraphs are likely among them."""
    return 2 * k + 10


def best_paragraphs(
    found: Iterable[ScoredSentence], k: int, *, exhausted: bool
) -> list[ScoredSentence] | None:
    """Return the best sentence of each of the best `k` paragraphs; None when more sentences must be asked for.

    Order: score (rounded) descending, then sentence id ascending.

    Args:
        found: the best sentences of a query, as many as were asked for; no sentence that was not found scores
            better than any of them.
        k: distinct paragraphs wanted.
        exhausted: no sentence but these matches.
    """
    ranked = sorted(
        (ScoredSentence(rounded(score), sentence) for score, sentence in found),
        key=lambda hit: (-hit.score, hit.sentence_id),
    )
    best: dict[int, ScoredSentence] = {}
    for hit in ranked:
        best.setdefault(hit.paragraph_id, hit)
        if len(best) == k:
            break
    chosen = list(best.values())
    if exhausted:
        return chosen
    if len(chosen) < k:
        return None
    # Sentences that were not fetched may tie with the last ones and have smaller ids.
    tied = chosen[-1].score == ranked[-1].score
    return None if tied and len(ranked) < TIE_LIMIT else chosen


def inverse_document_frequency(sentences: float, with_term: float) -> float:
    """Return the weight of a term that stands in `with_term` of `sentences`, as Lucene's BM25 has it."""
    return math.log(1 + (sentences - with_term + 0.5) / (with_term + 0.5))


def contributions(
    weights: Mapping[str, float], frequencies: Mapping[str, int], score: float
) -> dict[str, float]:
    """Return what each term of a query adds to the score of a sentence; the sum is the score.

    BM25 gives a term ``weight * (k1 + 1) * tf / (tf + norm)``, where the norm depends on the sentence's length alone.
    It is found from the score, so that nothing of an index' own account of lengths is needed here.

    Args:
        weights: of the query's terms (`pipelines.text_index.protocol.TextIndex.term_weights`).
        frequencies: of the terms in the sentence.
        score: the sentence's.
    """
    present = {term: weight for term, weight in weights.items() if frequencies.get(term) and weight > 0}

    def parts(norm: float) -> dict[str, float]:
        return {
            term: weight * (BM25_K1 + 1) * frequencies[term] / (frequencies[term] + norm)
            for term, weight in present.items()
        }

    low, high = 0.0, 1e6
    for _ in range(80):  # halves the interval each time: below any digit of a float
        middle = (low + high) / 2
        low, high = (middle, high) if sum(parts(middle).values()) > score else (low, middle)
    return parts((low + high) / 2)
