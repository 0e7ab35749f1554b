"""Each target has its own circuit breaker and cooldown, and a request may override the breaker for itself."""

from __future__ import annotations

from random import Random

import pytest

from proxy.resilience.availability import UNTRIED, Availability
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.breakers import BreakerOverride, Breakers
from proxy.resilience.classification import CLASSIFICATIONS, Classification

DEFAULTS = BreakerSettings()
FAULT = CLASSIFICATIONS["timeout"]
RETRY_AFTER = Classification(True, cooldown_rule="retry_after", cooldown_s=30, counts_as="failure")


def failing(times: int, classification: Classification = FAULT) -> Breakers:
    breakers = Breakers(Random(1))
    for _ in range(times):
        breakers.force_admit("t").record_failure(classification, 100, DEFAULTS)
    return breakers


def test_an_untried_target_is_available() -> None:
    breakers = Breakers(Random(1))
    assert (breakers.availability("t", 0), breakers.available_in_s("t", 0)) == (UNTRIED, 0)
    assert breakers.admit("t", 0)


def test_failures_of_one_target_do_not_affect_another() -> None:
    breakers = failing(5)
    assert breakers.admit("t", 100) is None
    assert breakers.admit("u", 100)
    assert 4 <= breakers.available_in_s("t", 100) <= 5
    assert breakers.available_in_s("u", 100) == 0


def test_a_target_is_available_once_ejection_and_cooldown_have_ended() -> None:
    breakers = failing(5)
    breakers.force_admit("t").record_failure(RETRY_AFTER, 100, DEFAULTS)
    availability = breakers.availability("t", 100)
    assert (availability.cooling_for_s, availability.consecutive_failures) == (30, 5)
    assert (availability.failed_at, availability.only_failed) == (100, True)
    assert availability.available_in_s == breakers.available_in_s("t", 100) == 30
    assert breakers.available_in_s("t", 130) == 0


def test_a_target_that_cools_down_admits_attempts() -> None:
    assert failing(1, RETRY_AFTER).admit("t", 100)


def test_an_attempt_ends_once_whatever_is_recorded_after_its_end() -> None:
    breakers = Breakers(Random(1))
    permit = breakers.force_admit("t")
    for _ in range(9):
        permit.record_failure(FAULT, 100, DEFAULTS)
    permit.record_content(100)
    permit.record_finish(100)
    permit.release()
    assert breakers.availability("t", 100).consecutive_failures == 1


def test_a_success_resets_failures_and_a_complete_response_resets_truncations() -> None:
    breakers = failing(4)
    for _ in range(4):
        permit = breakers.force_admit("t")
        permit.record_content(100)
        permit.record_content(100)
        permit.record_failure(FAULT, 100, DEFAULTS)
    assert breakers.availability("t", 100).consecutive_failures == 4
    breakers.force_admit("t").record_finish(100)
    assert breakers.availability("t", 100).consecutive_failures == 0


def test_a_trial_whose_client_disconnects_makes_room_for_the_next() -> None:
    breakers = failing(5)
    permit = breakers.admit("t", 105)
    assert permit and breakers.admit("t", 105) is None
    permit.release()
    assert breakers.admit("t", 105)


@pytest.mark.parametrize(
    ("override", "availability", "seconds"),
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
def test_a_request_may_override_the_breaker(
    override: BreakerOverride, availability: Availability, seconds: float
) -> None:
    assert override.available_in_s(availability, 100) == seconds


def test_consecutive_failures_go_on_while_a_target_is_ejected() -> None:
    breakers = failing(12)
    assert BreakerOverride(failure_threshold=10).ejected_for_s(breakers.availability("t", 100), 100) == 300
    assert breakers.available_in_s("t", 100) <= 5


def test_pinned_targets_are_kept() -> None:
    breakers = failing(5)
    breakers.pin(frozenset({"t"}))
    for number in range(1001):
        breakers.force_admit(f"p{number}")
    assert breakers.available_in_s("t", 100) > 0
