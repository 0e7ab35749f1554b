"""The first line of a kind passes at once, then one per interval with the number of those left out."""

from __future__ import annotations

from proxy.telemetry.log_limiter import LogLimiter
from tests.fakes import Clock


def test_one_line_per_interval_passes_with_the_number_left_out() -> None:
    clock = Clock()
    limiter = LogLimiter(10.0, clock)
    assert [limiter.admit("a") for _ in range(3)] == [0, None, None]
    assert limiter.admit("b") == 0
    clock.now += 9
    assert limiter.admit("a") is None
    clock.now += 1
    assert [limiter.admit("a"), limiter.admit("a"), limiter.admit("b")] == [3, None, 0]
