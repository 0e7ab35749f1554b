"""Requests are counted by endpoint, status and outcome, with a bounded number of labels."""

from __future__ import annotations

from proxy.telemetry.request_counters import RequestCounters


def test_a_request_is_counted_by_endpoint_status_and_outcome() -> None:
    counters = RequestCounters()
    for row in (
        ("chat", 200, "ok"),
        ("chat", 200, "ok"),
        ("chat", 502, "upstream_error"),
        ("/v1/models", 0, "client_disconnected"),
    ):
        counters.record_request(*row)
    assert dict(counters.requests) == {
        ("chat", "200", "ok"): 2,
        ("chat", "502", "error"): 1,
        ("/v1/models", "none", "client_disconnected"): 1,
    }


def test_all_error_codes_count_as_error() -> None:
    counters = RequestCounters()
    for code in ("a", "b", "c"):
        counters.record_request("chat", 400, code)
    assert len(counters.requests) == 1


def test_each_further_attempt_counts_as_a_failover_from_the_one_before() -> None:
    counters = RequestCounters()
    for providers in ([], ["a"], ["a", "a", "b"], ["a", "b"]):
        counters.record_failovers(providers)
    assert dict(counters.failovers) == {("a", "a"): 1, ("a", "b"): 2}
