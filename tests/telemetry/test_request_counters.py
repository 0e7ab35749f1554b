"""Requests are counted by what became of them, in a bounded number of ways."""

from __future__ import annotations

from proxy.telemetry.request_counters import RequestCounters


def test_a_request_is_counted_by_endpoint_status_and_outcome() -> None:
    tally = RequestCounters()
    for row in (
        ("chat", 200, "ok"),
        ("chat", 200, "ok"),
        ("chat", 502, "upstream_error"),
        ("", 0, "client_disconnected"),
    ):
        tally.record_request(*row)
    assert dict(tally.requests) == {
        ("chat", "200", "ok"): 2,
        ("chat", "502", "error"): 1,
        ("local", "none", "client_disconnected"): 1,
    }


def test_whatever_word_an_error_has_it_is_an_error() -> None:
    tally = RequestCounters()
    for word in ("a", "b", "c"):
        tally.record_request("chat", 400, word)
    assert len(tally.requests) == 1


def test_each_further_attempt_is_a_failover_from_the_one_before() -> None:
    tally = RequestCounters()
    for tried in ([], ["a"], ["a", "a", "b"], ["a", "b"]):
        tally.record_failovers(tried)
    assert dict(tally.failovers) == {("a", "a"): 1, ("a", "b"): 2}
