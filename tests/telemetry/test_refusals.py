"""What is refused before it is a request is counted every time, and logged once a second for each code."""

from __future__ import annotations

from collections import Counter

from proxy.errors import InvalidRequestError, ResourceExhaustedError
from proxy.telemetry.refusals import INTERVAL_S, Refusals
from tests.fakes import Clock, MemoryLog


def test_a_flood_is_counted_completely_and_logged_once_a_second() -> None:
    log, clock, counts = MemoryLog(), Clock(), Counter[tuple[str, str]]()
    refusals = Refusals(log.logger, clock, counts)
    for _ in range(1000):
        refusals.record(InvalidRequestError("not HTTP"))
    refusals.record(ResourceExhaustedError("full"))
    clock.now += INTERVAL_S
    refusals.record(InvalidRequestError("not HTTP"))
    assert counts == {("invalid_request", "400"): 1001, ("sidecar_overloaded", "503"): 1}
    assert [(line["level"], line["event"], line["status"], line["code"], line["suppressed"]) for line in log.lines] == [
        ("warning", "request_refused", 400, "invalid_request", 0),
        ("warning", "request_refused", 503, "sidecar_overloaded", 0),
        ("warning", "request_refused", 400, "invalid_request", 999),
    ]
