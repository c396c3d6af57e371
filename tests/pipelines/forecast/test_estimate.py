"""Estimates: the ratio of sums, with an interval that holds the truth."""

import random

import pytest

from pipelines.forecast.estimate import Estimate, estimate_total


def test_what_is_the_same_everywhere_is_known_to_ten_percent():
    found = estimate_total([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], 100.0)
    assert found.value == pytest.approx(200.0)
    assert (found.low, found.high) == (pytest.approx(180.0), pytest.approx(220.0))


def test_one_slice_says_nothing_of_the_others():
    assert estimate_total([3.0], [1.0], 10.0).low == 0.0


def test_the_interval_holds_the_truth_nine_times_of_ten():
    random.seed(3)
    held = 0
    for _ in range(400):
        pages = [(random.uniform(1, 5), random.lognormvariate(0, 0.6)) for _ in range(200)]
        total = sum(size for size, _ in pages)
        truth = sum(size * rate for size, rate in pages)
        chosen = random.sample(pages, 8)
        found = estimate_total([s * r for s, r in chosen], [s for s, _ in chosen], total)
        held += found.low <= truth <= found.high
    assert held >= 0.85 * 400


def test_estimates_add_and_scale():
    found = Estimate(2.0, 1.0, 4.0) * 3.0 + Estimate(1.0, 1.0, 1.0) + 1.0
    assert (found.value, found.low, found.high) == (8.0, 5.0, 14.0)
