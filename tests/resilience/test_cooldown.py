"""A target cools down for as long as Retry-After asks, or exponentially longer where it is missing."""

from __future__ import annotations

import pytest

from proxy.resilience.classification import Classification
from proxy.resilience.cooldown import Cooldown

EXPONENTIAL = Classification(True, cooldown_rule="exponential")
STRIKE = Classification(True, cooldown_rule="third_strike")


def retry_after(seconds: float) -> Classification:
    return Classification(True, cooldown_rule="retry_after", cooldown_s=seconds)


def after(*failures: tuple[float, Classification]) -> Cooldown:
    cooldown = Cooldown()
    for now, classification in failures:
        cooldown.record_failure(classification, now)
    return cooldown


@pytest.mark.parametrize(
    ("failures", "remaining_s"),
    [
        ([], 0),
        ([(100, Classification(True))], 0),
        ([(100, retry_after(7))], 7),
        ([(100, retry_after(0))], 0),
        ([(100, retry_after(-5))], 0),
        ([(100, retry_after(9000))], 300),
        ([(100, retry_after(7)), (100, retry_after(3))], 7),
        ([(100, retry_after(3)), (100, retry_after(7))], 7),
        ([(100, EXPONENTIAL)], 5),
        ([(100, EXPONENTIAL)] * 10, 5),  # all in flight together
        ([(95, EXPONENTIAL), (100, EXPONENTIAL)], 10),
        ([(85, EXPONENTIAL), (90, EXPONENTIAL), (100, EXPONENTIAL)], 20),
        ([(1000.0 * n, EXPONENTIAL) for n in range(-30, 0)] + [(100, EXPONENTIAL)], 300),
        ([(98, STRIKE), (99, STRIKE)], 0),
        ([(98, STRIKE), (99, STRIKE), (100, STRIKE)], 60),
        ([(40, STRIKE), (99, STRIKE), (100, STRIKE)], 0),
    ],
)
def test_the_cooldown_follows_from_the_failures(
    failures: list[tuple[float, Classification]], remaining_s: float
) -> None:
    assert after(*failures).remaining_s(100) == remaining_s


def test_a_success_resets_the_exponential_cooldown_and_the_strikes() -> None:
    cooldown = after((90, EXPONENTIAL), (95, EXPONENTIAL), (98, STRIKE), (99, STRIKE))
    cooldown.record_success()
    assert cooldown.remaining_s(100) == 5
    cooldown.record_failure(STRIKE, 105)
    assert cooldown.remaining_s(105) == 0
    cooldown.record_failure(EXPONENTIAL, 105)
    assert cooldown.remaining_s(105) == 5
