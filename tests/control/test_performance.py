"""The performance report has the documented members; without traffic its figures are null."""

from __future__ import annotations

import orjson
import pytest

from proxy.config.snapshot import Snapshot
from proxy.control.performance import performance, report
from proxy.control.report_query import ReportQuery
from tests.control.observed import FILE, ObservedRuntime, file
from tests.fakes import exchange, generation, request

ALL = ReportQuery()


def rows(observed: ObservedRuntime, limits: ReportQuery = ALL) -> dict[str, dict]:
    body = report(file(), observed.runtime, limits, observed.clock.now)
    return {row["name"]: row for row in body["providers"]}


def test_without_traffic_figures_are_null_and_counts_zero() -> None:
    nothing = {"p50": None, "p90": None, "p99": None}
    assert rows(ObservedRuntime())["off"] == {
        "name": "off",
        "avg_latency_ms": None,
        "success_rate": None,
        "load_percentage": 0.0,
        "ttft_ms": nothing,
        "latency_ms": nothing,
        "tokens_per_second": nothing,
        "requests": 0,
        "tokens": 0,
        "cost_usd": 0.0,
    }


def test_figures_cover_all_targets_in_the_window() -> None:
    observed = ObservedRuntime()
    observed.add_successes("a@us/m-a", seconds=0.4, times=9)
    observed.add_successes("a@eu/n-a", seconds=0.8, times=9)
    observed.add_failures("a@us/m-a", times=2)
    row = rows(observed)["a"]
    assert (row["success_rate"], row["requests"], row["tokens"], row["cost_usd"]) == (90.0, 20, 540, 0.018)
    assert row["avg_latency_ms"] == pytest.approx(600)
    assert row["latency_ms"] == pytest.approx({"p50": 400, "p90": 800, "p99": 800}, rel=0.05)
    assert row["ttft_ms"] == pytest.approx({"p50": 200, "p90": 400, "p99": 400}, rel=0.05)
    assert row["tokens_per_second"] == pytest.approx({"p50": 50, "p90": 100, "p99": 100}, rel=0.05)
    assert rows(observed, ReportQuery(model="n"))["a"]["requests"] == 9
    observed.clock.now += 120
    assert rows(observed, ReportQuery(60))["a"]["requests"] == 0


def test_load_is_the_highest_used_ratio_of_the_configured_limits() -> None:
    observed = ObservedRuntime()
    limits = "limits: {requests_per_minute: 10, tokens_per_minute: 1000, concurrency: 4}"
    snapshot = generation(FILE.replace("regions: {us", f"{limits}, regions: {{us")).snapshot
    held = observed.runtime.resilience.rate_limits.reserve(snapshot.limited["a"], 10, observed.clock.now)
    assert _load(observed, snapshot) == 25.0
    held.end(700, observed.clock.now)
    assert _load(observed, snapshot) == 70.0
    observed.clock.now += 70
    assert _load(observed, snapshot) == 0.0


def _load(observed: ObservedRuntime, snapshot: Snapshot) -> float:
    rows = report(snapshot, observed.runtime, ALL, observed.clock.now)["providers"]
    return {row["name"]: row for row in rows}["a"]["load_percentage"]


def test_load_without_limits_is_the_ratio_of_max_inflight() -> None:
    observed = ObservedRuntime()
    for target in ("a@us/m-a", "a@eu/n-a", "b@global/x-1"):
        observed.runtime.telemetry.observations.start_attempt(target, observed.clock.now)
    assert {name: row["load_percentage"] for name, row in rows(observed).items()} == {
        "a": 25.0,
        "b": 12.5,
        "off": 0.0,
        "idle": 0.0,
    }


@pytest.mark.parametrize(("query", "window"), [("", "5m"), ("?window=10s", "10s"), ("?window=61s", "2m")])
def test_the_response_names_the_window(query: str, window: str) -> None:
    response = performance(exchange(request(path=f"/v1/providers/performance{query}")))
    assert orjson.loads(response.body)["window"] == window
