"""Totals go on for ever; of the requests that needed a second try the latest are kept."""

from __future__ import annotations

from proxy.telemetry.activity import KEPT, Activity, Rescue


def rescue(number):
    return Rescue(f"req-{number}", "m", float(number), "ok", ())


def test_every_request_counts_and_costs():
    seen = Activity(0.0)
    seen.ended(0.25, None)
    seen.ended(0.5, rescue(1))
    assert (seen.requests, seen.cost, seen.rescued) == (2, 0.75, 1)


def test_the_latest_come_first_and_the_oldest_are_let_go():
    seen = Activity(0.0)
    for number in range(KEPT + 10):
        seen.ended(0.0, rescue(number))
    assert seen.rescued == KEPT + 10 and len(seen.rescues) == KEPT
    assert (seen.rescues[0].request_id, seen.rescues[-1].request_id) == (f"req-{KEPT + 9}", "req-10")
