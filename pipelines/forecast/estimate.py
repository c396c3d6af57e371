"""Numbers that were measured on a sample and stand for the whole, each with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Estimate", "estimate_total"]

_STEADINESS = 0.1
"""Share by which the same work takes more or less on the same machine: no interval is narrower."""
_UNKNOWN = 4.0
"""Factor to both sides where a single slice says nothing of how much others differ."""
_WIDEST = 1_000.0
"""Factor to both sides that is never exceeded: such an interval says only that nothing is known."""
_T = {1: 6.31, 2: 2.92, 3: 2.35, 4: 2.13, 5: 2.02, 6: 1.94, 8: 1.86, 10: 1.81, 15: 1.75, 30: 1.70}
"""Student's t at 95% by degrees of freedom: an interval to both sides holds 90%."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the interval that holds the true one nine times of ten."""

    value: float
    low: float
    high: float

    def __add__(self, other: Estimate | float) -> Estimate:
        """Add another one, as if both erred to the same side."""
        if not isinstance(other, Estimate):
            return Estimate(self.value + other, self.low + other, self.high + other)
        return Estimate(self.value + other.value, self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> Estimate:
        return Estimate(self.value * factor, self.low * factor, self.high * factor)

    def times(self, share: Estimate) -> Estimate:
        """Return the product with another one, as if both erred to the same side."""
        return Estimate(self.value * share.value, self.low * share.low, self.high * share.high)


def estimate_total(measured: Sequence[float], sizes: Sequence[float], total: float) -> Estimate:
    """Return what a whole of size `total` has of what slices of some `sizes` were `measured` to have.

    The ratio of the sums, times `total`. The interval comes from leaving out each slice once (the jackknife), and is a
    tenth to both sides at least. It is that of the ratio's logarithm, as times and counts cannot fall below zero; where
    only one slice has anything, that has none, and the interval is that of the ratio. The whole has at least what was
    measured, so that ``0 < low <= value <= high`` where anything was.
    """
    ratio = sum(measured) / sum(sizes)
    value, least = ratio * total, sum(measured) if total >= sum(sizes) else 0.0
    slices = list(zip(measured, sizes, strict=True))
    rest = [slices[:place] + slices[place + 1 :] for place in range(len(slices))]
    others = [
        sum(one for one, _ in left) / total_of for left in rest if (total_of := sum(s for _, s in left))
    ]
    if len(others) < 2:
        low, high = value / _UNKNOWN, value * _UNKNOWN
    elif sum(one > 0 for one in measured) > 1:
        half = math.hypot(_half([math.log(other) for other in others]), math.log(1 + _STEADINESS))
        factor = math.exp(min(half, math.log(_WIDEST)))
        low, high = value / factor, value * factor
    else:
        half = math.hypot(_half(others), _STEADINESS * ratio) * total
        low, high = value - half, value + half
    return Estimate(value, min(value, max(low, least)), max(value, high))


def _half(others: Sequence[float]) -> float:
    """Return half the width of an interval, from what was found without each slice."""
    count = len(others)
    mean = sum(others) / count
    error = math.sqrt((count - 1) / count * sum((other - mean) ** 2 for other in others))
    return error * _T[max(known for known in _T if known <= count - 1)]
