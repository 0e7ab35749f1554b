"""Each target has its own breaker and cooldown, and a request may see them its own way."""

from __future__ import annotations

from random import Random

import pytest

from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.breakers import BreakerOverride, Breakers
from proxy.resilience.classification import CLASSIFICATIONS, Classification
from proxy.telemetry.health import UNTRIED, Availability

USUAL = BreakerSettings()
HARD = CLASSIFICATIONS["timeout"]
TOLD = Classification(True, cooldown_rule="retry_after", cooldown_s=30, counts_as="failure")


def failing(times: int, verdict: Classification = HARD) -> Breakers:
    breakers = Breakers(Random(1))
    for _ in range(times):
        breakers.force_admit("t").record_failure(verdict, 100, USUAL)
    return breakers


def test_a_target_nobody_tried_is_available() -> None:
    breakers = Breakers(Random(1))
    assert (breakers.availability("t", 0), breakers.available_in_s("t", 0)) == (UNTRIED, 0)
    assert breakers.admit("t", 0)


def test_targets_fail_alone() -> None:
    breakers = failing(5)
    assert breakers.admit("t", 100) is None
    assert breakers.admit("u", 100)
    assert 4 <= breakers.available_in_s("t", 100) <= 5
    assert breakers.available_in_s("u", 100) == 0


def test_a_target_is_available_when_both_are_over() -> None:
    breakers = failing(5)
    breakers.force_admit("t").record_failure(TOLD, 100, USUAL)
    standing = breakers.availability("t", 100)
    assert (standing.cooling_for_s, standing.consecutive_failures, standing.failed_at, standing.only_failed) == (
        30,
        5,
        100,
        True,
    )
    assert standing.available_in_s == breakers.available_in_s("t", 100) == 30
    assert breakers.available_in_s("t", 130) == 0


def test_a_cooling_target_may_be_tried_all_the_same() -> None:
    assert failing(1, TOLD).admit("t", 100)


def test_an_attempt_is_counted_once_whatever_is_said_after_it() -> None:
    breakers = Breakers(Random(1))
    leave = breakers.force_admit("t")
    for _ in range(9):
        leave.record_failure(HARD, 100, USUAL)
    leave.record_content(100)
    leave.record_finish(100)
    leave.release()
    assert breakers.availability("t", 100).consecutive_failures == 1


def test_a_success_ends_the_run_and_a_whole_answer_the_cuts() -> None:
    breakers = failing(4)
    for _ in range(4):
        leave = breakers.force_admit("t")
        leave.record_content(100)
        leave.record_content(100)
        leave.record_failure(HARD, 100, USUAL)
    assert breakers.availability("t", 100).consecutive_failures == 4
    breakers.force_admit("t").record_finish(100)
    assert breakers.availability("t", 100).consecutive_failures == 0


def test_a_caller_that_leaves_gives_the_probe_back() -> None:
    breakers = failing(5)
    leave = breakers.admit("t", 105)
    assert leave and breakers.admit("t", 105) is None
    leave.release()
    assert breakers.admit("t", 105)


@pytest.mark.parametrize(
    ("override", "standing", "seconds"),
    [
        (BreakerOverride(), UNTRIED, 0),
        (BreakerOverride(), Availability(consecutive_failures=4, failed_at=100), 0),
        (BreakerOverride(), Availability(consecutive_failures=5, failed_at=100), 300),
        (
            BreakerOverride(failure_threshold=2, recovery_timeout_s=7),
            Availability(consecutive_failures=2, failed_at=99),
            6,
        ),
        (BreakerOverride(recovery_timeout_s=7), Availability(consecutive_failures=9, failed_at=93), 0),
        (BreakerOverride(enabled=False), Availability(consecutive_failures=9, failed_at=100), 0),
        (BreakerOverride(failure_threshold=9), Availability(ejected_for_s=5, consecutive_failures=5, failed_at=100), 0),
        (BreakerOverride(enabled=False), Availability(ejected_for_s=5, cooling_for_s=3), 3),
    ],
)
def test_a_request_may_have_a_breaker_of_its_own(
    override: BreakerOverride, standing: Availability, seconds: float
) -> None:
    assert override.available_in_s(standing, 100) == seconds


def test_the_run_goes_on_while_a_target_is_taken_out() -> None:
    breakers = failing(12)
    assert BreakerOverride(failure_threshold=10).ejected_for_s(breakers.availability("t", 100), 100) == 300
    assert breakers.available_in_s("t", 100) <= 5


def test_named_targets_are_remembered() -> None:
    breakers = failing(5)
    breakers.pin(frozenset({"t"}))
    for number in range(1001):
        breakers.force_admit(f"p{number}")
    assert breakers.available_in_s("t", 100) > 0
