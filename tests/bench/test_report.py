"""Medians, ratios within a round, goals, and the tables."""

from __future__ import annotations

import pytest

from bench.goals import GOALS
from bench.report import (
    METRICS,
    align_columns,
    goals_table,
    median_or_none,
    ratios,
    ratios_table,
    results,
    summary,
    values,
    values_table,
)

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


def test_a_ratio_may_be_to_another_metric_of_the_peer():
    rounds = [{"sidecar": {"cpu_us_per_translated_event": 30.0}, "envoy": {"cpu_us_per_event": 20.0}}]
    assert ratios(rounds, "sidecar", "envoy", "cpu_us_per_translated_event", "cpu_us_per_event") == [1.5]


def test_the_tables_have_one_line_per_proxy_and_a_dash_for_a_missing_value():
    rounds = [{"sidecar": {"stream_kb": 4.0}, "envoy": {}, "nginx": {"stream_kb": 8.0}}]
    proxies = ["sidecar", "envoy", "nginx"]
    head, *rows = (line.split() for line in values_table(rounds, proxies).splitlines())
    assert (head, rows) == (["kB/stream"], [["sidecar", "4.0"], ["envoy", "-"], ["nginx", "8.0"]])
    rows = [line.split() for line in ratios_table(rounds, proxies).splitlines()[1:]]
    assert rows == [["sidecar/envoy", "-"], ["sidecar/nginx", "0.50"]]


@pytest.mark.parametrize(
    ("requests", "memory", "expected"),
    [
        (45.0, 54.0, ["aim", "aim"]),
        (38.0, 60.0, ["must", "must"]),
        (37.0, 61.0, ["missed", "missed"]),
        (None, None, ["-", "-"]),
    ],
)
def test_a_goal_is_reached_at_its_bound(requests, memory, expected):
    own = {"requests_per_second": requests, "rest_rss_mb": memory} if requests else {}
    rounds = [{"sidecar": own, "envoy": {"requests_per_second": 100.0}}]
    reached = {each.goal.title: each.reached for each in results(rounds, "sidecar")}
    assert [reached["requests/s, x Envoy"], reached["idle memory, MB"]] == expected


def test_the_table_of_goals_shows_value_and_bounds():
    row = goals_table(ROUNDS, "sidecar").splitlines()[1]
    assert row.split()[-6:] == ["0.80", ">=", "0.38", ">=", "0.45", "aim"]


def test_every_goal_is_for_a_metric():
    assert {goal.metric for goal in GOALS} | {goal.peer_metric for goal in GOALS} - {""} <= METRICS.keys()


def test_numbers_are_aligned_right():
    rows = [["", "a", "us/event"], ["first", "1", "-"], ["b", "10,000", "3.0"]]
    assert align_columns(rows).splitlines() == [
        "            a  us/event",
        "first       1         -",
        "b      10,000       3.0",
    ]
