"""Totals go on for ever; of the requests that needed a second try the latest are kept."""

from __future__ import annotations

from proxy.telemetry.activity import MAX_FAILOVERS, Activity, FailoverRecord


def rescue(number):
    return FailoverRecord(f"req-{number}", "m", float(number), "ok", ())


def test_every_request_counts_and_costs():
    seen = Activity(0.0)
    seen.record_request(0.25, None)
    seen.record_request(0.5, rescue(1))
    assert (seen.requests, seen.cost_usd, seen.failover_count) == (2, 0.75, 1)


def test_the_latest_come_first_and_the_oldest_are_let_go():
    seen = Activity(0.0)
    for number in range(MAX_FAILOVERS + 10):
        seen.record_request(0.0, rescue(number))
    assert seen.failover_count == MAX_FAILOVERS + 10 and len(seen.failovers) == MAX_FAILOVERS
    assert (seen.failovers[0].request_id, seen.failovers[-1].request_id) == (f"req-{MAX_FAILOVERS + 9}", "req-10")
