"""Intervals by resampling sentences."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from training.evaluation.counts import Counts, f1_of

__all__ = ["bootstrap_interval"]


def bootstrap_interval(
    counts: Counts, sentences: Sequence[Hashable], resamples: int, seed: int = 0
) -> tuple[float, float]:
    """Gives the 95 % interval of micro F1 in percent, by resampling distinct sentences.

    Examples that share a sentence (MNRE's test split has 914 in 1,614 rows) are drawn together: they are not
    independent.
    """
    places: dict[Hashable, int] = {}
    group = np.array([places.setdefault(sentence, len(places)) for sentence in sentences])
    sums = np.zeros((3, len(places)))
    for row, part in enumerate((counts.correct, counts.predicted, counts.gold)):
        np.add.at(sums[row], group, part.sum(1))
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(len(places), np.full(len(places), 1 / len(places)), size=resamples)
    scores = f1_of(*(sums @ draws.T))
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)
