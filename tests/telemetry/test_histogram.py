"""Percentiles are within 5 % of the true ones, whatever was histogram_of and however histograms were merged."""

from __future__ import annotations

from math import ceil, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.histogram import Histogram

VALUES = st.floats(1e-6, 1e9, exclude_min=True, exclude_max=True)


def histogram_of(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(st.lists(VALUES, min_size=1), st.floats(0, 100))
def test_a_percentile_is_within_five_percent_of_the_true_one(values: list[float], percent: float) -> None:
    true = sorted(values)[max(1, ceil(len(values) * percent / 100)) - 1]
    assert histogram_of(values).percentile(percent) == pytest.approx(true, rel=0.05)


@given(st.lists(VALUES), st.lists(VALUES))
def test_two_histograms_added_equal_one_of_all_values(some: list[float], others: list[float]) -> None:
    both, whole = histogram_of(some), histogram_of(some + others)
    both.add(histogram_of(others))
    assert (both.counts, both.samples) == (whole.counts, whole.samples)
    assert both.total == pytest.approx(whole.total)


def test_adding_leaves_the_added_histogram_unchanged() -> None:
    total, part = Histogram(), histogram_of([1.0])
    total.add(part)
    total.record(1.0)
    assert (part.samples, part.counts, total.samples) == (1, histogram_of([1.0]).counts, 2)


@given(st.lists(VALUES, min_size=1))
def test_several_percentiles_equal_single_ones(values: list[float]) -> None:
    histogram = histogram_of(values)
    assert histogram.percentiles(5, 50, 50, 95) == [histogram.percentile(each) for each in (5, 50, 50, 95)]


def test_an_empty_histogram_has_no_percentiles() -> None:
    assert Histogram().percentiles(50, 95) == [None, None]
    assert Histogram().mean is None


@pytest.mark.parametrize("value", [0.0, -1.0, nan, inf, -inf, 1e300, 1e-300])
def test_a_value_out_of_range_counts_as_the_nearest_bound(value: float) -> None:
    histogram = histogram_of([value])
    assert histogram.samples == 1
    assert histogram.percentile(50) == pytest.approx(1e9 if value > 1 else 1e-6, rel=0.05)


def test_the_mean_is_exact() -> None:
    assert histogram_of([0.1, 0.2, 0.6]).mean == pytest.approx(0.3)


def test_cumulative_counts_are_the_values_up_to_each_edge() -> None:
    histogram = Histogram()
    assert histogram.cumulative_counts((1, 10)) == [0, 0]
    for value in (0.5, 2.0, 2.1, 50.0):
        histogram.record(value)
    assert histogram.cumulative_counts((0.1, 1, 10, 100)) == [0, 1, 3, 4]
