"""Whether a probability of 0.9 is right nine times in ten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Calibration", "calibration"]


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram: bins of the greatest probability, equal in width."""

    confidence: list[float]
    """Mean greatest probability in each bin that holds anything."""
    accuracy: list[float]
    """Share of right labels in the same bins."""
    count: list[int]
    """Tokens (RE: examples) in them."""
    expected_error: float
    """Mean distance of the two, weighted by count (expected calibration error)."""


def calibration(
    probabilities: npt.NDArray[np.float32], gold: npt.NDArray[np.int64], bins: int = 10
) -> Calibration:
    """Gives the calibration of distributions [tokens, labels] against gold labels [tokens]."""
    greatest = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == gold
    place = np.minimum((greatest * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    confidence = np.bincount(place, greatest, bins)[filled] / count[filled]
    accuracy = np.bincount(place, right, bins)[filled] / count[filled]
    error = float((np.abs(confidence - accuracy) * count[filled]).sum() / max(count.sum(), 1))
    return Calibration(confidence.tolist(), accuracy.tolist(), count[filled].tolist(), error)
