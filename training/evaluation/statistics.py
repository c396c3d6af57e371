"""Whether two variants differ over seeds, and whether a probability of 0.9 is right nine times in ten."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Calibration", "calibration", "mean_and_deviation", "students_t"]


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (0 for one value)."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def students_t(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the two-sided p of Student's t-test (equal variances) that both come from one distribution.

    None with fewer than two values on a side. Two constant series have p 0 where they differ, 1 where not.
    """
    from scipy.stats import ttest_ind_from_stats

    if len(first) < 2 or len(second) < 2:
        return None
    if _constant(first) and _constant(second):
        return float(math.isclose(first[0], second[0]))
    # From means and deviations: given the values, scipy warns where one side is nearly constant.
    (mean, deviation), (other_mean, other_deviation) = mean_and_deviation(first), mean_and_deviation(second)
    found = ttest_ind_from_stats(mean, deviation, len(first), other_mean, other_deviation, len(second))
    return float(found.pvalue)


def _constant(values: Sequence[float]) -> bool:
    """Tell whether values differ by no more than sums in another order do."""
    return all(math.isclose(value, values[0], rel_tol=1e-9) for value in values)


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
    """Return the calibration of distributions [tokens, labels] against gold labels [tokens]."""
    greatest = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == gold
    place = np.minimum((greatest * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    confidence = np.bincount(place, greatest, bins)[filled] / count[filled]
    accuracy = np.bincount(place, right, bins)[filled] / count[filled]
    error = float((np.abs(confidence - accuracy) * count[filled]).sum() / max(count.sum(), 1))
    return Calibration(confidence.tolist(), accuracy.tolist(), count[filled].tolist(), error)
