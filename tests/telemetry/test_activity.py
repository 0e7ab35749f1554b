"""Activity keeps totals since start, and the latest requests that needed more than one attempt."""

from __future__ import annotations

from proxy.telemetry.activity import MAX_FAILOVERS, Activity, FailoverRecord


def failover(number):
    return FailoverRecord(f"req-{number}", "m", float(number), "ok", ())


def test_requests_and_costs_are_totalled():
    activity = Activity(0.0)
    activity.record_request(0.25, None)
    activity.record_request(0.5, failover(1))
    assert (activity.requests, activity.cost_usd, activity.failover_count) == (2, 0.75, 1)


def test_the_latest_failovers_come_first_and_the_oldest_are_dropped():
    activity = Activity(0.0)
    for number in range(MAX_FAILOVERS + 10):
        activity.record_request(0.0, failover(number))
    assert activity.failover_count == MAX_FAILOVERS + 10 and len(activity.failovers) == MAX_FAILOVERS
    assert (activity.failovers[0].request_id, activity.failovers[-1].request_id) == (
        f"req-{MAX_FAILOVERS + 9}",
        "req-10",
    )
