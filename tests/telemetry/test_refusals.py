"""What is refused before it is a request is counted every time, and logged once a second for each status and reason."""

from __future__ import annotations

from collections import Counter

from proxy.telemetry.refusals import INTERVAL_S, Refusals
from tests.fakes import Clock, MemoryLog


def test_a_flood_is_counted_completely_and_logged_once_a_second() -> None:
    log, clock, counts = MemoryLog(), Clock(), Counter[tuple[str, str]]()
    refusals = Refusals(log.logger, clock, counts)
    for _ in range(1000):
        refusals.record(400, "malformed")
    refusals.record(503, "connection_limit")
    clock.now += INTERVAL_S
    refusals.record(400, "malformed")
    assert counts == {("malformed", "400"): 1001, ("connection_limit", "503"): 1}
    assert [
        (line["level"], line["event"], line["status"], line["reason"], line["suppressed"]) for line in log.lines
    ] == [
        ("warning", "request_refused", 400, "malformed", 0),
        ("warning", "request_refused", 503, "connection_limit", 0),
        ("warning", "request_refused", 400, "malformed", 999),
    ]
