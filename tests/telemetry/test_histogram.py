"""Percentiles are near the true ones, whatever was counted and however it was put together."""

from __future__ import annotations

from math import ceil, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.histogram import Histogram

VALUES = st.floats(1e-6, 1e9, exclude_min=True, exclude_max=True)


def counted(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(st.lists(VALUES, min_size=1), st.floats(0, 100))
def test_a_percentile_is_within_five_percent_of_the_true_one(values: list[float], percent: float) -> None:
    true = sorted(values)[max(1, ceil(len(values) * percent / 100)) - 1]
    assert counted(values).percentile(percent) == pytest.approx(true, rel=0.05)


@given(st.lists(VALUES), st.lists(VALUES))
def test_two_added_count_like_one(some: list[float], others: list[float]) -> None:
    both, whole = counted(some), counted(some + others)
    both.add(counted(others))
    assert (both.counts, both.samples) == (whole.counts, whole.samples)
    assert both.total == pytest.approx(whole.total)


def test_to_add_leaves_the_added_one_alone() -> None:
    total, part = Histogram(), counted([1.0])
    total.add(part)
    total.record(1.0)
    assert (part.samples, part.counts, total.samples) == (1, counted([1.0]).counts, 2)


@given(st.lists(VALUES, min_size=1))
def test_several_percentiles_are_those_asked_for_one_by_one(values: list[float]) -> None:
    histogram = counted(values)
    assert histogram.percentiles(5, 50, 50, 95) == [histogram.percentile(each) for each in (5, 50, 50, 95)]


def test_nothing_counted_has_no_percentiles() -> None:
    assert Histogram().percentiles(50, 95) == [None, None]
    assert Histogram().mean is None


@pytest.mark.parametrize("value", [0.0, -1.0, nan, inf, -inf, 1e300, 1e-300])
def test_a_value_out_of_all_bounds_counts_as_the_nearest_bound(value: float) -> None:
    histogram = counted([value])
    assert histogram.samples == 1
    assert histogram.percentile(50) == pytest.approx(1e9 if value > 1 else 1e-6, rel=0.05)


def test_the_mean_is_exact() -> None:
    assert counted([0.1, 0.2, 0.6]).mean == pytest.approx(0.3)


def test_it_says_how_many_do_not_exceed_an_edge() -> None:
    histogram = Histogram()
    assert histogram.cumulative_counts((1, 10)) == [0, 0]
    for value in (0.5, 2.0, 2.1, 50.0):
        histogram.record(value)
    assert histogram.cumulative_counts((0.1, 1, 10, 100)) == [0, 1, 3, 4]
