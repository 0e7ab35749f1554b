"""Each target has its own breaker and cooldown, and a request may see them its own way."""

from __future__ import annotations

from random import Random

import pytest

from proxy.resilience.breaker import CircuitBreaker
from proxy.resilience.breakers import Breakers, Override
from proxy.resilience.verdict import VERDICTS, Verdict
from proxy.telemetry.health import UNTRIED, Standing

USUAL = CircuitBreaker()
HARD = VERDICTS["timeout"]
TOLD = Verdict(True, cools="told", cooldown=30, ratio="failure")


def failing(times: int, verdict: Verdict = HARD) -> Breakers:
    breakers = Breakers(Random(1))
    for _ in range(times):
        breakers.insist("t").failed(verdict, 100, USUAL)
    return breakers


def test_a_target_nobody_tried_is_available() -> None:
    breakers = Breakers(Random(1))
    assert (breakers.standing("t", 0), breakers.available_in("t", 0)) == (UNTRIED, 0)
    assert breakers.admit("t", 0)


def test_targets_fail_alone() -> None:
    breakers = failing(5)
    assert breakers.admit("t", 100) is None
    assert breakers.admit("u", 100)
    assert 4 <= breakers.available_in("t", 100) <= 5
    assert breakers.available_in("u", 100) == 0


def test_a_target_is_available_when_both_are_over() -> None:
    breakers = failing(5)
    breakers.insist("t").failed(TOLD, 100, USUAL)
    standing = breakers.standing("t", 100)
    assert (standing.cooling_for, standing.failures, standing.failed_at, standing.only_failed) == (30, 5, 100, True)
    assert standing.available_in == breakers.available_in("t", 100) == 30
    assert breakers.available_in("t", 130) == 0


def test_a_cooling_target_may_be_tried_all_the_same() -> None:
    assert failing(1, TOLD).admit("t", 100)


def test_an_attempt_is_counted_once_whatever_is_said_after_it() -> None:
    breakers = Breakers(Random(1))
    leave = breakers.insist("t")
    for _ in range(9):
        leave.failed(HARD, 100, USUAL)
    leave.succeeded(100)
    leave.finished(100)
    leave.released()
    assert breakers.standing("t", 100).failures == 1


def test_a_success_ends_the_run_and_a_whole_answer_the_cuts() -> None:
    breakers = failing(4)
    for _ in range(4):
        leave = breakers.insist("t")
        leave.succeeded(100)
        leave.succeeded(100)
        leave.failed(HARD, 100, USUAL)
    assert breakers.standing("t", 100).failures == 4
    breakers.insist("t").finished(100)
    assert breakers.standing("t", 100).failures == 0


def test_a_caller_that_leaves_gives_the_probe_back() -> None:
    breakers = failing(5)
    leave = breakers.admit("t", 105)
    assert leave and breakers.admit("t", 105) is None
    leave.released()
    assert breakers.admit("t", 105)


@pytest.mark.parametrize(
    ("override", "standing", "seconds"),
    [
        (Override(), UNTRIED, 0),
        (Override(), Standing(failures=4, failed_at=100), 0),
        (Override(), Standing(failures=5, failed_at=100), 300),
        (Override(failure_threshold=2, recovery_timeout=7), Standing(failures=2, failed_at=99), 6),
        (Override(recovery_timeout=7), Standing(failures=9, failed_at=93), 0),
        (Override(enabled=False), Standing(failures=9, failed_at=100), 0),
        (Override(failure_threshold=9), Standing(ejected_for=5, failures=5, failed_at=100), 0),
        (Override(enabled=False), Standing(ejected_for=5, cooling_for=3), 3),
    ],
)
def test_a_request_may_have_a_breaker_of_its_own(override: Override, standing: Standing, seconds: float) -> None:
    assert override.available_in(standing, 100) == seconds


def test_the_run_goes_on_while_a_target_is_taken_out() -> None:
    breakers = failing(12)
    assert Override(failure_threshold=10).ejected_for(breakers.standing("t", 100), 100) == 300
    assert breakers.available_in("t", 100) <= 5


def test_named_targets_are_remembered() -> None:
    breakers = failing(5)
    breakers.name(frozenset({"t"}))
    for number in range(1001):
        breakers.insist(f"p{number}")
    assert breakers.available_in("t", 100) > 0
