"""Whether two variants differ over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

__all__ = ["mean_and_deviation", "students_t"]


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Gives the mean and the sample standard deviation (0 for one value)."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def students_t(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Gives the two-sided p of Student's t-test (equal variances) that both come from one distribution.

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
    """Tells whether values differ by no more than sums in another order do."""
    return all(math.isclose(value, values[0], rel_tol=1e-9) for value in values)
