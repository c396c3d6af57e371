"""Correct, predicted and gold counts by example and label: all that F1 needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Counts", "LabelScore", "Micro", "f1_of"]


def f1_of(correct: Any, predicted: Any, gold: Any) -> Any:
    """Return F1 in percent from counts (numbers or arrays); 0 where nothing is correct."""
    total = np.asarray(predicted, dtype=np.float64) + gold
    return np.divide(200.0 * np.asarray(correct), total, out=np.zeros_like(total), where=total > 0)


@dataclass(frozen=True)
class Micro:
    """Scores over all labels, in percent."""

    f1: float
    precision: float
    recall: float


@dataclass(frozen=True)
class LabelScore:
    """F1 of one label, in percent, and the number of its gold instances."""

    f1: float
    gold: int


@dataclass(frozen=True)
class Counts:
    """Counts of examples by label: int64 [examples, labels]."""

    labels: tuple[str, ...]
    correct: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    gold: npt.NDArray[np.int64]

    @classmethod
    def empty(cls, labels: tuple[str, ...], examples: int) -> Counts:
        """Return counts of zero."""
        return cls(labels, *(np.zeros((examples, len(labels)), dtype=np.int64) for _ in range(3)))

    def micro(self) -> Micro:
        """Return micro F1, precision and recall over all labels."""
        correct, predicted, gold = self.correct.sum(), self.predicted.sum(), self.gold.sum()
        return Micro(
            f1=float(f1_of(correct, predicted, gold)),
            precision=100.0 * float(correct) / max(int(predicted), 1),
            recall=100.0 * float(correct) / max(int(gold), 1),
        )

    def by_label(self) -> dict[str, LabelScore]:
        """Return the score of every label."""
        scores = f1_of(self.correct.sum(0), self.predicted.sum(0), self.gold.sum(0))
        return {
            label: LabelScore(float(score), int(count))
            for label, score, count in zip(self.labels, scores, self.gold.sum(0), strict=True)
        }
