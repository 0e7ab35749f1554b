"""A body may pause for a while, and must arrive at a minimum rate, whatever it brought before."""

from __future__ import annotations

import pytest

from proxy.downstream.body_deadline import BODY_TIMEOUT_S, MIN_BODY_RATE, body_timeout, extend_body_due

START = 1000.0


@pytest.mark.parametrize(
    ("interval_s", "size", "survives"),
    [
        (25, 1, False),
        (25, 25 * MIN_BODY_RATE - 100, False),
        (25, 25 * MIN_BODY_RATE, True),
        (0.1, MIN_BODY_RATE / 10, True),
        (0.1, MIN_BODY_RATE / 20, False),
        (BODY_TIMEOUT_S, 2**25, True),
        (BODY_TIMEOUT_S + 1, 2**25, False),
    ],
)
@pytest.mark.parametrize("burst", [0, 2**25])
def test_a_body_survives_at_the_minimum_rate_and_with_short_pauses(
    interval_s: float, size: int, survives: bool, burst: int
) -> None:
    due = extend_body_due(START + BODY_TIMEOUT_S, START, burst)
    now = START
    for _ in range(20_000):
        now += interval_s
        if now > due + 1e-6:
            break
        due = extend_body_due(due, now, size)
    assert (now <= due) is survives


def test_the_error_names_both_bounds() -> None:
    error = body_timeout()
    assert (error.status, error.code) == (408, "request_timeout")
    assert "nothing for 30 s, or less than 1000 bytes per second" in error.message
