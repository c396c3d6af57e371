"""Estimates: the ratio of sums, with an interval that holds the truth."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.forecast.estimate import Estimate, estimate_total


def test_what_is_the_same_everywhere_is_known_to_ten_percent():
    found = estimate_total([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], 100.0)
    assert found.value == pytest.approx(200.0)
    assert (found.low, found.high) == (pytest.approx(200.0 / 1.1), pytest.approx(220.0))


def test_one_slice_says_little_of_the_others():
    assert estimate_total([3.0], [1.0], 10.0) == Estimate(30.0, 7.5, 120.0)


@given(
    slices=st.lists(st.tuples(st.floats(1e-9, 1e9), st.floats(1.0, 1e9)), min_size=1, max_size=12),
    larger=st.floats(1.0, 1e6),
)
def test_what_is_positive_in_every_slice_has_a_positive_interval(slices, larger):
    sizes = [size for _, size in slices]
    found = estimate_total([measured for measured, _ in slices], sizes, sum(sizes) * larger)
    assert 0 < found.low <= found.value <= found.high


@given(counts=st.lists(st.integers(0, 1000), min_size=1, max_size=12), larger=st.floats(1.0, 1e6))
def test_counts_of_which_some_are_zero_have_no_less_than_was_counted(counts, larger):
    found = estimate_total([float(n) for n in counts], [1.0] * len(counts), len(counts) * larger)
    assert found.low <= found.value <= found.high
    assert found.low >= sum(counts) * (1 - 1e-9)
    assert (found.high > 0) == any(counts)


def test_a_noisy_clock_gives_a_wide_interval_above_zero():
    found = estimate_total([0.0001, 0.0001, 0.004], [32.0] * 3, 32.0 * 300)
    assert found.value == pytest.approx(0.42)
    assert 0.0042 <= found.low < 0.1
    assert found.high > 1


def test_what_only_one_slice_has_is_uncertain():
    assert estimate_total([0.0, 0.0, 6.0, 0.0], [1.0] * 4, 400.0).low == 6.0


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
