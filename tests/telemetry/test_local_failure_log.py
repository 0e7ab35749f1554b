"""Trouble of one's own is one line at once, and then one a minute at most that counts the others."""

from __future__ import annotations

from proxy.errors import EgressError, ResourceExhaustedError
from proxy.telemetry.local_failure_log import INTERVAL_S, LocalFailureLog
from tests.fakes import Clock, MemoryLog


def test_a_kind_is_one_line_a_minute() -> None:
    log, clock = MemoryLog(), Clock()
    trouble = LocalFailureLog(log.logger, clock)
    for _ in range(1000):
        trouble.warn(ResourceExhaustedError("too many open files"))
    trouble.warn(EgressError("no route"))
    clock.now += INTERVAL_S - 1
    trouble.warn(ResourceExhaustedError("too many open files"))
    clock.now += 1
    for _ in range(2):
        trouble.warn(ResourceExhaustedError("no local port is free"))
    clock.now += INTERVAL_S
    trouble.warn(ResourceExhaustedError("too many open files"))
    assert [(line["level"], line["event"], line["reason"], line["left_out"]) for line in log.lines] == [
        ("warning", "sidecar_overloaded", "too many open files", 0),
        ("warning", "egress_failed", "no route", 0),
        ("warning", "sidecar_overloaded", "no local port is free", 1000),
        ("warning", "sidecar_overloaded", "too many open files", 1),
    ]
