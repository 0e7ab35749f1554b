"""What probes find is held against a place only as far as it proves an outage, and no longer than it lasts."""

from __future__ import annotations

from random import Random

import pytest

from proxy.config.quantities import Seconds
from proxy.config.schema import Probe
from proxy.resilience.breaker import CircuitBreaker
from proxy.resilience.breakers import Breakers, Override
from proxy.resilience.probes import Course, Finding
from proxy.resilience.verdict import VERDICTS
from proxy.telemetry.health import UNTRIED, Trouble

REFUSED = Finding("connection_error", "connection refused")
LONG = CircuitBreaker(eject=Seconds(20))
DOWN = Trouble("connection_error", "probe: connection refused", "down", 160.0)


def no() -> bool:
    return False


def taken(*findings: Finding | None) -> list[str | None]:
    """The status after each of them, 10 s apart."""
    course = Course(Probe())
    troubles = [course.takes(finding, 100.0 + 10 * at, no) for at, finding in enumerate(findings)]
    return [trouble and trouble.status for trouble in troubles]


def test_a_failure_shows_at_once_and_three_in_a_row_are_an_outage() -> None:
    assert taken(REFUSED, REFUSED, REFUSED, REFUSED) == ["degraded", "degraded", "down", "down"]
    assert taken(REFUSED, REFUSED, None, REFUSED, None) == ["degraded", "degraded", None, "degraded", None]


@pytest.mark.parametrize("trigger", ["connection_error", "timeout", "server_error", "model_overloaded"])
def test_what_no_request_would_survive_is_an_outage(trigger: str) -> None:
    assert taken(*[Finding(trigger, "x")] * 3)[-1] == "down"


@pytest.mark.parametrize("trigger", ["rate_limit", "not_found", "invalid_request", "context_length", "content_filter"])
def test_whoever_refuses_the_question_is_there(trigger: str) -> None:
    assert taken(*[Finding(trigger, "x")] * 3) == [None] * 3


@pytest.mark.parametrize("trigger", ["auth_error", "quota"])
def test_a_refused_key_is_no_outage_and_is_left_for_last(trigger: str) -> None:
    course = Course(Probe())
    first, _, third = (course.takes(Finding(trigger, "401"), 100.0, no) for _ in range(3))
    assert first == Trouble(trigger, "probe: 401")
    assert third is not None and (third.status, third.until) == ("degraded", 123.0)


def test_live_answers_prove_more_than_a_list_of_models() -> None:
    course = Course(Probe())
    troubles = [course.takes(REFUSED, 100.0, lambda: True) for _ in range(9)]
    assert {trouble and trouble.status for trouble in troubles} == {"degraded"}


def test_an_outage_ends_by_itself_if_nobody_probes_any_more() -> None:
    breakers = Breakers(Random(1))
    breakers.probed("a@us", DOWN, 100)
    assert breakers.standing("a@us/m", 100).available_in == 60
    assert breakers.standing("a@us/m", 160).available_in == 0


def test_trouble_is_that_of_one_place_for_every_target_there_tried_or_not() -> None:
    breakers = Breakers(Random(1))
    breakers.insist("a@us/tried").succeeded(100)
    breakers.probed("a@us", DOWN, 100)
    assert {breakers.standing(f"a@us/{name}", 100).trouble for name in ("tried", "x/y", "*")} == {DOWN}
    assert breakers.standing("a@usa/tried", 100) is breakers.standing("b@us/tried", 100) is UNTRIED
    assert breakers.standing("a@us/tried", 100).ejected_for == 0


def test_it_holds_for_a_request_with_a_circuit_breaker_of_its_own() -> None:
    breakers = Breakers(Random(1))
    breakers.probed("a@us", DOWN, 100)
    assert Override(failure_threshold=50).available_in(breakers.standing("a@us/m", 100), 100) == 60


def ejected() -> Breakers:
    breakers = Breakers(Random(1))
    for target in ("a@us/m", "b@us/m"):
        for _ in range(5):
            breakers.insist(target).failed(VERDICTS["timeout"], 100, LONG)
    return breakers


def test_the_first_good_probe_after_a_bad_one_lets_one_attempt_find_out() -> None:
    breakers = ejected()
    breakers.probed("a@us", DOWN, 101)
    breakers.probed("a@us", None, 102)
    assert (breakers.standing("a@us/m", 102).only_failed, breakers.standing("b@us/m", 102).only_failed) == (False, True)
    leave = breakers.admit("a@us/m", 102)
    assert leave is not None and breakers.admit("a@us/m", 102) is None
    assert breakers.admit("b@us/m", 102) is None
    leave.failed(VERDICTS["timeout"], 103, CircuitBreaker())
    assert breakers.admit("a@us/m", 104) is None


def test_a_good_probe_alone_ends_no_ejection() -> None:
    breakers = ejected()
    breakers.probed("a@us", None, 101)
    assert breakers.admit("a@us/m", 102) is None and breakers.standing("a@us/m", 102).only_failed


def test_a_good_probe_after_the_ejection_shows_that_the_target_is_not_only_failing() -> None:
    breakers = ejected()
    breakers.probed("a@us", None, 120)
    assert (breakers.standing("a@us/m", 120).only_failed, breakers.standing("b@us/m", 120).only_failed) == (False, True)


def test_what_is_probed_no_more_has_nothing_held_against_it_and_ends_no_ejection() -> None:
    breakers = ejected()
    breakers.probed("a@us", DOWN, 101)
    breakers.unprobed(frozenset({"a@us", "c@us"}))
    standing = breakers.standing("a@us/m", 102)
    assert standing.trouble is None and standing.ejected_for > 0
