"""The performance report has the documented members; without traffic its figures are null."""

from __future__ import annotations

import orjson
import pytest

from proxy.config.snapshot import Snapshot
from proxy.control.performance import performance, report
from proxy.control.report_query import ReportQuery
from proxy.messages import Request
from tests.control.observed import FILE, ObservedRuntime, file
from tests.fakes import exchange, generation, request

ALL = ReportQuery()


def rows(seen: ObservedRuntime, limits: ReportQuery = ALL) -> dict[str, dict]:
    said = report(file(), seen.runtime, limits, seen.clock.now)
    return {row["name"]: row for row in said["providers"]}


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
    seen = ObservedRuntime()
    seen.add_successes("a@us/m-a", seconds=0.4, times=9)
    seen.add_successes("a@eu/n-a", seconds=0.8, times=9)
    seen.add_failures("a@us/m-a", times=2)
    said = rows(seen)["a"]
    assert (said["success_rate"], said["requests"], said["tokens"], said["cost_usd"]) == (90.0, 20, 540, 0.018)
    assert said["avg_latency_ms"] == pytest.approx(600)
    assert said["latency_ms"] == pytest.approx({"p50": 400, "p90": 800, "p99": 800}, rel=0.05)
    assert said["ttft_ms"] == pytest.approx({"p50": 200, "p90": 400, "p99": 400}, rel=0.05)
    assert said["tokens_per_second"] == pytest.approx({"p50": 50, "p90": 100, "p99": 100}, rel=0.05)
    assert rows(seen, ReportQuery(model="n"))["a"]["requests"] == 9
    seen.clock.now += 120
    assert rows(seen, ReportQuery(60))["a"]["requests"] == 0


def test_load_is_the_highest_used_ratio_of_the_configured_limits() -> None:
    seen = ObservedRuntime()
    limits = "limits: {requests_per_minute: 10, tokens_per_minute: 1000, concurrency: 4}"
    snapshot = generation(FILE.replace("regions: {us", f"{limits}, regions: {{us")).snapshot
    seen.runtime.rate_limits.start_attempt("a", seen.clock.now)
    assert _load(seen, snapshot) == 25.0
    seen.runtime.rate_limits.end_attempt("a", 700, seen.clock.now)
    assert _load(seen, snapshot) == 70.0
    seen.clock.now += 70
    assert _load(seen, snapshot) == 0.0


def _load(seen: ObservedRuntime, snapshot: Snapshot) -> float:
    rows = report(snapshot, seen.runtime, ALL, seen.clock.now)["providers"]
    return {row["name"]: row for row in rows}["a"]["load_percentage"]


def test_load_without_limits_is_the_ratio_of_max_inflight() -> None:
    seen = ObservedRuntime()
    for target in ("a@us/m-a", "a@eu/n-a", "b@global/x-1"):
        seen.runtime.observations.start_attempt(target, seen.clock.now)
    assert {name: row["load_percentage"] for name, row in rows(seen).items()} == {
        "a": 25.0,
        "b": 12.5,
        "off": 0.0,
        "idle": 0.0,
    }


@pytest.mark.parametrize(("query", "window"), [("", "5m"), ("?window=10s", "10s"), ("?window=61s", "2m")])
async def test_the_response_names_the_window(query: str, window: str) -> None:
    asking = Request("GET", f"/v1/providers/performance{query}", {}, request(b"").read)
    response = await performance(exchange(client_request=asking))
    assert orjson.loads(response.body)["window"] == window
