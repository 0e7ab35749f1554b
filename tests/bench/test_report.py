"""Medians, ratios within a round, and the table."""

from __future__ import annotations

import pytest

from bench.report import METRICS, align_columns, median_or_none, ratios, summary, table, values

ROUNDS = [
    {"sidecar": {"requests_per_second": 10.0}, "envoy": {"requests_per_second": 20.0}},
    {"sidecar": {"requests_per_second": 30.0}, "envoy": {"requests_per_second": 30.0}},
    {"sidecar": {"requests_per_second": 8.0}, "envoy": {"requests_per_second": 10.0}},
]


def test_the_ratio_is_the_median_of_the_ratios_within_rounds():
    found = summary(ROUNDS, ["sidecar", "envoy"])["requests_per_second"]
    assert found["ratios"] == {"sidecar/envoy": 0.8}
    assert found["medians"] == {"sidecar": 10.0, "envoy": 20.0}


@pytest.mark.parametrize(
    "own, other",
    [({}, {"stream_kb": 2.0}), ({"stream_kb": 2.0}, {}), ({"stream_kb": 2.0}, {"stream_kb": 0.0})],
    ids=["no own value", "no peer's value", "a peer's value of zero"],
)
def test_a_round_without_both_values_has_no_ratio(own, other):
    assert ratios([{"sidecar": own, "envoy": other}], "sidecar", "envoy", "stream_kb") == []


def test_a_round_without_the_proxy_has_no_value():
    assert values([{"envoy": {"stream_kb": 1.0}}], "sidecar", "stream_kb") == []


@pytest.mark.parametrize("numbers, expected", [([], None), ([3.0], 3.0), ([1.0, 9.0, 2.0], 2.0), ([1.0, 2.0], 1.5)])
def test_the_median_of_an_empty_list_is_none(numbers, expected):
    assert median_or_none(numbers) == expected


def test_a_metric_without_a_better_direction_has_no_ratio():
    rounds = [{"sidecar": {"core_percent": 99.0}, "envoy": {"core_percent": 50.0}}]
    assert summary(rounds, ["sidecar", "envoy"])["core_percent"]["ratios"] == {"sidecar/envoy": None}


def test_the_table_has_one_line_per_measured_metric():
    head, row = table(ROUNDS, ["sidecar", "envoy"]).splitlines()
    assert head.split() == ["sidecar", "envoy", "sidecar/envoy", "better", "goal"]
    assert row.startswith(METRICS["requests_per_second"].title)
    assert row.split()[2:6] == ["10", "20", "0.80", "more"]


def test_a_missing_value_is_a_dash():
    rounds = [{"sidecar": {"stream_kb": 4.0}, "envoy": {}}]
    assert table(rounds, ["sidecar", "envoy"]).splitlines()[1].split()[-7:-3] == ["4.0", "-", "-", "less"]


def test_numbers_are_aligned_right_and_text_left():
    rows = [["", "a", "better", "goal"], ["first", "1", "more", "x"], ["b", "10,000", "less", ""]]
    assert align_columns(rows).splitlines() == [
        "            a  better  goal",
        "first       1  more    x",
        "b      10,000  less",
    ]
