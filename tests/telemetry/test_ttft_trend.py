"""A target is slow when its first contents take over three times as long as in the last hour."""

from __future__ import annotations

import pytest

from proxy.telemetry.ttft_trend import REFRESH_S, TtftTrend
from proxy.telemetry.window import Window


def trend_of(*contents: tuple[float, float, int]) -> TtftTrend:
    """Create a trend from rows of time, seconds to the first content, and how often."""
    window = Window()
    for now, seconds, times in contents:
        for _ in range(times):
            window.at(now).ttft.record(seconds)
    return TtftTrend(window)


@pytest.mark.parametrize(
    ("samples", "seconds", "slow"), [(19, 0.9, False), (20, 0.9, True), (20, 0.5, False), (80, 0.9, True)]
)
def test_a_target_is_slow_at_over_three_times_its_usual_median(samples: int, seconds: float, slow: bool) -> None:
    trend = trend_of((100, 0.2, 100), (3000, seconds, samples))
    trend.measure(3000)
    assert (trend.samples, trend.is_slow) == (samples, slow)


def test_a_target_that_was_always_slow_is_not_slow() -> None:
    trend = trend_of((3000, 9.0, 50))
    trend.measure(3000)
    assert not trend.is_slow


def test_a_sum_of_the_last_five_minutes_can_be_passed_in() -> None:
    trend = trend_of((100, 0.2, 100), (3000, 0.9, 30))
    trend.measure(3000, trend.window.sum_over(300, 3000))
    assert trend.is_slow


def test_a_measurement_is_due_after_the_refresh_time() -> None:
    trend = trend_of()
    assert trend.is_due(0.0)
    trend.measure(100)
    assert (trend.is_due(100 + REFRESH_S - 0.1), trend.is_due(100 + REFRESH_S)) == (False, True)


def test_the_usual_median_is_computed_once_a_minute() -> None:
    trend = trend_of((100, 1.0, 1))
    assert trend.usual_s(100) == pytest.approx(1, rel=0.05)
    for _ in range(3):
        trend.window.at(101).ttft.record(9)
    assert trend.usual_s(159) == pytest.approx(1, rel=0.05)
    assert trend.usual_s(160) == pytest.approx(9, rel=0.05)
