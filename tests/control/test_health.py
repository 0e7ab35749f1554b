"""The health report has the documented members; without traffic its figures are null, never 100 %."""

from __future__ import annotations

import orjson
import pytest

from proxy.control.health import health, report
from proxy.control.report_query import ReportQuery
from proxy.resilience.availability import Availability, ProbeFailure
from proxy.telemetry.metric_labels import group_key
from proxy.telemetry.rate_limit_status import RateLimitStatus
from proxy.telemetry.target_map import MAX_UNPINNED
from tests.control.observed import ObservedRuntime, file
from tests.fakes import exchange, request

EJECTED = Availability(ejected_for_s=3.0, consecutive_failures=5)

ALL = ReportQuery()


def rows(observed: ObservedRuntime, limits: ReportQuery = ALL) -> dict[str, dict]:
    body = report(file(), observed.runtime.routing.signals, limits, observed.moment)
    assert list(body) == ["providers"]
    return {row["name"]: row for row in body["providers"]}


def test_without_traffic_providers_are_healthy_and_figures_null() -> None:
    report_rows = rows(ObservedRuntime())
    assert list(report_rows) == ["a", "b", "off", "idle"]
    assert report_rows["a"] == {
        "name": "a",
        "status": "healthy",
        "reason": None,
        "since": None,
        "uptime_percentage": None,
        "avg_response_time_ms": None,
        "error_rate": None,
        "rate_limit_usage": None,
        "models": [{"name": "m", "status": "healthy"}, {"name": "n", "status": "healthy"}],
        "regions": [{"name": "us", "status": "healthy"}, {"name": "eu", "status": "healthy"}],
    }
    assert (report_rows["idle"]["status"], report_rows["idle"]["models"]) == ("healthy", [])


def test_a_disabled_provider_has_its_reason() -> None:
    off = rows(ObservedRuntime())["off"]
    assert (off["status"], off["reason"]) == ("disabled", "OFF_KEY is not set")
    assert off["models"] == [{"name": "m", "status": "disabled"}]


def test_figures_are_percentages_and_milliseconds_of_the_window() -> None:
    observed = ObservedRuntime()
    observed.add_successes("a@us/m-a", seconds=0.4, times=18)
    observed.add_successes("a@eu/m-a", seconds=0.8, times=18)
    observed.add_failures("a@us/m-a", times=2)
    observed.add_failures("a@us/m-a", "rate_limit", times=2)
    row = rows(observed)["a"]
    assert row["uptime_percentage"] == round(3600 / 38, 2)
    assert row["error_rate"] == 10.0
    assert row["avg_response_time_ms"] == pytest.approx(600)
    assert rows(observed)["b"]["uptime_percentage"] is None
    observed.clock.now += 200
    assert rows(observed, ReportQuery(60))["a"]["uptime_percentage"] is None
    assert rows(observed, ReportQuery(600))["a"]["uptime_percentage"] == round(3600 / 38, 2)


def test_one_region_down_is_a_degraded_provider_with_a_reason_and_since_when() -> None:
    observed = ObservedRuntime({"a@us/m-a": EJECTED})
    observed.add_failures("a@us/m-a")
    observed.add_successes("a@eu/m-a")
    row = rows(observed)["a"]
    assert (row["status"], row["reason"]) == ("degraded", "some targets are ejected")
    assert row["since"] == "2023-11-14T22:30:00.000Z"
    assert [model["status"] for model in row["models"]] == ["degraded", "healthy"]
    assert [region["status"] for region in row["regions"]] == ["down", "healthy"]


def test_a_failed_probe_shows_until_something_worse_does() -> None:
    observed = ObservedRuntime()
    observed.availabilities["b@global/m-b"] = Availability(probe_failure=ProbeFailure("timeout", "probe: x"))
    assert rows(observed)["b"]["reason"] == "probe: x"
    observed.availabilities.clear()
    assert rows(observed)["b"]["status"] == "degraded"
    observed.clock.now += 5
    assert rows(observed)["b"]["status"] == "healthy"


def test_models_without_traffic_do_not_prove_that_a_region_is_up() -> None:
    observed = ObservedRuntime({"a@us/m-a": EJECTED, "a@eu/m-a": EJECTED})
    for region in ("us", "eu"):
        observed.add_failures(f"a@{region}/m-a")
    assert rows(observed)["a"]["status"] == "down"
    assert [model["status"] for model in rows(observed)["a"]["models"]] == ["down", "healthy"]
    observed.add_successes("a@us/n-a")
    observed.clock.now += 5
    assert rows(observed)["a"]["status"] == "down"  # better only once it has held
    observed.clock.now += 5
    row = rows(observed)["a"]
    assert (row["status"], [region["status"] for region in row["regions"]]) == ("degraded", ["degraded", "down"])


def test_a_provider_that_became_slow_is_degraded() -> None:
    observed = ObservedRuntime()
    observed.add_successes("a@us/m-a", seconds=0.4, times=100)
    observed.clock.now += 3000
    observed.add_successes("a@us/m-a", seconds=1.8, times=30)
    row = rows(observed)["a"]
    assert (row["status"], row["reason"]) == ("degraded", "first content over three times as slow as usual")
    assert [model["status"] for model in row["models"]] == ["degraded", "healthy"]


def test_all_targets_down_is_a_provider_that_is_down() -> None:
    observed = ObservedRuntime({"b@global/m-b": EJECTED, "b@global/x-1": EJECTED})
    observed.add_failures("b@global/m-b")
    observed.add_failures("b@global/x-1")
    row = rows(observed)["b"]
    assert row["status"] == "down"
    assert row["models"] == [{"name": "m", "status": "down"}, {"name": "x-*", "status": "down"}]


def test_the_most_exhausted_rate_limit_is_shown_and_0_after_its_reset() -> None:
    observed = ObservedRuntime()
    for target, used in (("a@us/m-a", 0.25), ("a@eu/n-a", 0.75)):
        observed.add_successes(target)
        record = observed.runtime.telemetry.observations.get(target)
        assert record is not None
        record.rate_limits.record(RateLimitStatus(1, 1, used, resets_at=observed.clock.now + 10))
    assert rows(observed)["a"]["rate_limit_usage"] == 75.0
    assert rows(observed)["b"]["rate_limit_usage"] is None  # it never sent one
    observed.clock.now += 10
    assert rows(observed)["a"]["rate_limit_usage"] == 0.0
    observed.clock.now += 1e6
    assert rows(observed)["a"]["rate_limit_usage"] == 0.0


def test_the_model_filter_leaves_the_providers_that_serve_it() -> None:
    report_rows = rows(ObservedRuntime({"a@us/m-a": EJECTED}), ReportQuery(model="n"))
    assert list(report_rows) == ["a"] and report_rows["a"]["status"] == "healthy"
    assert [model["name"] for model in report_rows["a"]["models"]] == ["n"]


def test_the_endpoint_answers_json() -> None:
    response = health(exchange(request(path="/v1/providers/health?provider=b")))
    assert (response.status, [row["name"] for row in orjson.loads(response.body)["providers"]]) == (200, ["b"])


def test_a_status_survives_queries_for_many_names() -> None:
    observed = ObservedRuntime()
    observed.runtime.on_snapshot(file())
    observed.add_failures("b@global/m-b", times=5)
    before = rows(observed)["b"]
    observed.clock.now += 60
    board = observed.runtime.routing.signals
    for number in range(MAX_UNPINNED + 10):
        board.group_health(group_key("b", model=f"x-{number}"), [board.member("b@global/m-b", 1060.0)], 1060.0)
    assert before["status"] == "down" and rows(observed)["b"]["since"] == before["since"]


def test_the_status_of_a_model_or_region_follows_from_its_own_results() -> None:
    observed = ObservedRuntime()
    for target in ("a@us/m-a", "a@eu/m-a"):
        observed.add_failures(target, times=3)
    observed.add_successes("a@us/n-a", times=7)
    row = rows(observed)["a"]
    assert [(model["name"], model["status"]) for model in row["models"]] == [("m", "down"), ("n", "healthy")]
    assert [(region["name"], region["status"]) for region in row["regions"]] == [
        ("us", "healthy"),
        ("eu", "healthy"),
    ]
    assert row["status"] == "healthy"
    observed.add_failures("a@eu/m-a", times=2)
    assert [region["status"] for region in rows(observed)["a"]["regions"]] == ["healthy", "down"]
