"""A target is slow when its first contents take over three times as long as in the last hour."""

from __future__ import annotations

import pytest

from proxy.telemetry.ttft_trend import REFRESH_S, TtftTrend
from proxy.telemetry.window import Window


def seen(*contents: tuple[float, float, int]) -> TtftTrend:
    """By time, seconds to the first content, and how often."""
    window = Window()
    for now, seconds, times in contents:
        for _ in range(times):
            window.at(now).ttft.record(seconds)
    return TtftTrend(window)


@pytest.mark.parametrize(
    ("samples", "seconds", "slow"), [(19, 0.9, False), (20, 0.9, True), (20, 0.5, False), (80, 0.9, True)]
)
def test_three_times_as_slow_as_usual(samples: int, seconds: float, slow: bool) -> None:
    trend = seen((100, 0.2, 100), (3000, seconds, samples))
    trend.measure(3000)
    assert (trend.samples, trend.is_slow) == (samples, slow)


def test_whoever_was_always_slow_is_as_usual() -> None:
    trend = seen((3000, 9.0, 50))
    trend.measure(3000)
    assert not trend.is_slow


def test_five_minutes_that_are_added_up_already_are_taken() -> None:
    trend = seen((100, 0.2, 100), (3000, 0.9, 30))
    trend.measure(3000, trend.window.sum_over(300, 3000))
    assert trend.is_slow


def test_it_is_out_of_date_after_a_while() -> None:
    trend = seen()
    assert trend.is_due(0.0)
    trend.measure(100)
    assert (trend.is_due(100 + REFRESH_S - 0.1), trend.is_due(100 + REFRESH_S)) == (False, True)


def test_what_is_usual_is_worked_out_once_a_minute() -> None:
    trend = seen((100, 1.0, 1))
    assert trend.usual_s(100) == pytest.approx(1, rel=0.05)
    for _ in range(3):
        trend.window.at(101).ttft.record(9)
    assert trend.usual_s(159) == pytest.approx(1, rel=0.05)
    assert trend.usual_s(160) == pytest.approx(9, rel=0.05)
