"""A local failure is logged at once, then at most once a minute with the number left out."""

from __future__ import annotations

from proxy.errors import EgressError, ResourceExhaustedError
from proxy.telemetry.local_failure_log import INTERVAL_S, LocalFailureLog
from tests.fakes import Clock, MemoryLog


def test_each_kind_of_failure_is_logged_once_a_minute() -> None:
    log, clock = MemoryLog(), Clock()
    failure_log = LocalFailureLog(log.logger, clock)
    for _ in range(1000):
        failure_log.warn(ResourceExhaustedError("too many open files"))
    failure_log.warn(EgressError("no route"))
    clock.now += INTERVAL_S - 1
    failure_log.warn(ResourceExhaustedError("too many open files"))
    clock.now += 1
    for _ in range(2):
        failure_log.warn(ResourceExhaustedError("no local port is free"))
    clock.now += INTERVAL_S
    failure_log.warn(ResourceExhaustedError("too many open files"))
    assert [(line["level"], line["event"], line["reason"], line["suppressed"]) for line in log.lines] == [
        ("warning", "sidecar_overloaded", "too many open files", 0),
        ("warning", "egress_failed", "no route", 0),
        ("warning", "sidecar_overloaded", "no local port is free", 1000),
        ("warning", "sidecar_overloaded", "too many open files", 1),
    ]
