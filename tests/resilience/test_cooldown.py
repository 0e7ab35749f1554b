"""A target is left alone as long as it said, or ever longer while it does not say."""

from __future__ import annotations

import pytest

from proxy.resilience.classification import Classification
from proxy.resilience.cooldown import Cooldown

DOUBLING = Classification(True, cooldown_rule="exponential")
STRIKE = Classification(True, cooldown_rule="third_strike")


def told(seconds: float) -> Classification:
    return Classification(True, cooldown_rule="retry_after", cooldown_s=seconds)


def after(*failures: tuple[float, Classification]) -> Cooldown:
    cooldown = Cooldown()
    for now, verdict in failures:
        cooldown.record_failure(verdict, now)
    return cooldown


@pytest.mark.parametrize(
    ("failures", "left"),
    [
        ([], 0),
        ([(100, Classification(True))], 0),
        ([(100, told(7))], 7),
        ([(100, told(0))], 0),
        ([(100, told(-5))], 0),
        ([(100, told(9000))], 300),
        ([(100, told(7)), (100, told(3))], 7),
        ([(100, told(3)), (100, told(7))], 7),
        ([(100, DOUBLING)], 5),
        ([(100, DOUBLING)] * 10, 5),  # all under way at the same time
        ([(95, DOUBLING), (100, DOUBLING)], 10),
        ([(85, DOUBLING), (90, DOUBLING), (100, DOUBLING)], 20),
        ([(1000.0 * n, DOUBLING) for n in range(-30, 0)] + [(100, DOUBLING)], 300),
        ([(98, STRIKE), (99, STRIKE)], 0),
        ([(98, STRIKE), (99, STRIKE), (100, STRIKE)], 60),
        ([(40, STRIKE), (99, STRIKE), (100, STRIKE)], 0),
    ],
)
def test_how_long_a_target_is_left_alone(failures: list[tuple[float, Classification]], left: float) -> None:
    assert after(*failures).remaining_s(100) == left


def test_an_answer_makes_the_next_guess_short_and_forgives_refused_keys() -> None:
    cooldown = after((90, DOUBLING), (95, DOUBLING), (98, STRIKE), (99, STRIKE))
    cooldown.record_success()
    assert cooldown.remaining_s(100) == 5
    cooldown.record_failure(STRIKE, 105)
    assert cooldown.remaining_s(105) == 0
    cooldown.record_failure(DOUBLING, 105)
    assert cooldown.remaining_s(105) == 5
