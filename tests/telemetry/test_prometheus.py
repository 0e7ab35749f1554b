"""The exposition can be parsed in both formats and contains every counter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from proxy.telemetry.histogram import Histogram
from proxy.telemetry.prometheus import ConfigMetrics, MetricsSnapshot, TargetSeries, exposition, families
from proxy.telemetry.request_counters import RequestCounters
from proxy.telemetry.target_totals import TargetTotals
from proxy.telemetry.window import Bucket

A, B = ("a", "us", "m-1"), ("b", "global", 'odd "*"\n\\')


def histogram(*values: float) -> Histogram:
    found = Histogram()
    for value in values:
        found.record(value)
    return found


def snapshot() -> MetricsSnapshot:
    counts = Bucket(7, 5, 1, 2, {"timeout": 1, "rate_limit": 1}, 10, 20, 0.25, histogram(0.3), histogram(0.5, 3.0, 500))
    totals = TargetTotals(counts, histogram(10, 100), histogram(1, 5000), ejections=2)
    counters = RequestCounters(overhead_s=histogram(0.0004))
    counters.record_request("chat", 200, "ok")
    counters.record_failovers(["a", "b"])
    counters.hedges["a", "started"] += 3
    counters.resumes["resumed"] += 2
    counters.probes["a", "us", "timeout"] += 4
    series = {A: TargetSeries(totals, 3, 1, 0, 9, None, 0.1), B: TargetSeries(TargetTotals())}
    return MetricsSnapshot(
        series, counters, {"a": "down", "b": "healthy"}, ConfigMetrics("1.0", 3, "abc", False, {"applied": 2}), 4, 5, 6
    )


def samples(text: str) -> dict[tuple[str, ...], float]:
    found = {}
    for family in plain(text):
        for sample in family.samples:
            found[(sample.name, *sample.labels.values())] = sample.value
    return found


@pytest.fixture
def exposed() -> Iterator[dict[tuple[str, ...], float]]:
    body, kind = exposition(snapshot(), "")
    assert kind.startswith("text/plain; version=0.0.4")
    yield samples(body.decode())


@pytest.mark.parametrize(
    ("sample", "value"),
    [
        (("parrot_attempts_total", "m-1", "a", "us"), 7),
        (("parrot_attempts_succeeded_total", "m-1", "a", "us"), 5),
        (("parrot_attempts_failed_total", "m-1", "a", "us", "timeout"), 1),
        (("parrot_ejections_total", "m-1", "a", "us"), 2),
        (("parrot_cost_usd_total", "m-1", "a", "us"), 0.25),
        (("parrot_attempts_in_flight", "m-1", "a", "us"), 3),
        (("parrot_targets_ejected", "m-1", "a", "us"), 1),
        (("parrot_ratelimit_remaining_requests", "m-1", "a", "us"), 9),
        (("parrot_attempts_total", 'odd "*"\n\\', "b", "global"), 0),
        (("gen_ai_server_request_duration_seconds_count", "a", "m-1", "us"), 3),
        (("gen_ai_server_request_duration_seconds_sum", "a", "m-1", "us"), 503.5),
        (("gen_ai_server_request_duration_seconds_bucket", "a", "m-1", "0.32", "us"), 0),
        (("gen_ai_server_request_duration_seconds_bucket", "a", "m-1", "0.64", "us"), 1),
        (("gen_ai_server_request_duration_seconds_bucket", "a", "m-1", "81.92", "us"), 2),
        (("gen_ai_server_request_duration_seconds_bucket", "a", "m-1", "+Inf", "us"), 3),
        (("gen_ai_server_time_to_first_token_seconds_count", "a", "m-1", "us"), 1),
        (("gen_ai_client_token_usage_sum", "a", "m-1", "input", "us"), 110),
        (("gen_ai_client_token_usage_count", "a", "m-1", "output", "us"), 2),
        (("parrot_requests_total", "chat", "ok", "200"), 1),
        (("parrot_failovers_total", "a", "b"), 1),
        (("parrot_hedges_total", "a", "started"), 3),
        (("parrot_resumes_total", "resumed"), 2),
        (("parrot_probes_total", "timeout", "a", "us"), 4),
        (("parrot_overhead_seconds_count",), 1),
        (("parrot_config_reloads_total", "applied"), 2),
        (("parrot_config_reloads_total", "rejected"), 0),
        (("parrot_provider_status", "a", "down"), 1),
        (("parrot_provider_status", "a", "healthy"), 0),
        (("parrot_config_last_reload_successful",), 0),
        (("parrot_config_generation",), 3),
        (("parrot_config_info", "abc"), 1),
        (("parrot_build_info", "1.0"), 1),
        (("parrot_requests_in_flight",), 4),
        (("parrot_buffered_bytes",), 5),
        (("parrot_stream_clients",), 6),
    ],
)
def test_every_value_is_exposed(exposed: dict[tuple[str, ...], float], sample: tuple[str, ...], value: float) -> None:
    assert exposed[sample] == value


def test_unknown_values_and_empty_histograms_are_left_out(exposed: dict[tuple[str, ...], float]) -> None:
    names = {sample[0] for sample in exposed}
    assert "parrot_ratelimit_remaining_tokens" not in names
    assert ("gen_ai_server_request_duration_seconds_count", "b", B[2], "global") not in exposed


def test_openmetrics_is_served_to_a_scraper_that_prefers_it() -> None:
    body, kind = exposition(snapshot(), "application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text")
    assert {family.name for family in openmetrics(body.decode())} >= {"parrot_attempts", "gen_ai_client_token_usage"}


def test_every_family_has_a_help_text_and_a_unique_name() -> None:
    found = list(families(snapshot()))
    names = [family.name for family in found]
    assert len(set(names)) == len(names)
    assert all(family.documentation for family in found)
    assert all(name.startswith(("parrot_", "gen_ai_")) for name in names)


def test_the_documented_families_exist() -> None:
    assert {family.name for family in families(snapshot())} >= {
        "gen_ai_client_token_usage", "gen_ai_server_request_duration_seconds",
        "gen_ai_server_time_to_first_token_seconds", "parrot_attempts", "parrot_failovers", "parrot_hedges",
        "parrot_resumes", "parrot_ejections", "parrot_ratelimit_remaining_requests",
        "parrot_ratelimit_remaining_tokens", "parrot_cost_usd", "parrot_attempts_in_flight", "parrot_overhead_seconds",
        "parrot_config_reloads", "parrot_config_info",
    }  # fmt: skip
