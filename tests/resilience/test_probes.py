"""What probes find is held against a place only as far as it proves an outage, and no longer than it lasts."""

from __future__ import annotations

from random import Random

import pytest

from proxy.config.schema import ProbeConfig
from proxy.config.units import Seconds
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.breakers import BreakerOverride, Breakers
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.resilience.probes import ProbeHistory, ProbeResult
from proxy.telemetry.health import UNTRIED, ProbeFailure

REFUSED = ProbeResult("connection_error", "connection refused")
LONG = BreakerSettings(base_ejection_time=Seconds(20))
DOWN = ProbeFailure("connection_error", "probe: connection refused", "down", 160.0)


def no() -> bool:
    return False


def taken(*findings: ProbeResult | None) -> list[str | None]:
    """The status after each of them, 10 s apart."""
    course = ProbeHistory(ProbeConfig())
    troubles = [course.record(finding, 100.0 + 10 * at, no) for at, finding in enumerate(findings)]
    return [trouble and trouble.status for trouble in troubles]


def test_a_failure_shows_at_once_and_three_in_a_row_are_an_outage() -> None:
    assert taken(REFUSED, REFUSED, REFUSED, REFUSED) == ["degraded", "degraded", "down", "down"]
    assert taken(REFUSED, REFUSED, None, REFUSED, None) == ["degraded", "degraded", None, "degraded", None]


@pytest.mark.parametrize("trigger", ["connection_error", "timeout", "server_error", "model_overloaded"])
def test_what_no_request_would_survive_is_an_outage(trigger: str) -> None:
    assert taken(*[ProbeResult(trigger, "x")] * 3)[-1] == "down"


@pytest.mark.parametrize("trigger", ["rate_limit", "not_found", "invalid_request", "context_length", "content_filter"])
def test_whoever_refuses_the_question_is_there(trigger: str) -> None:
    assert taken(*[ProbeResult(trigger, "x")] * 3) == [None] * 3


@pytest.mark.parametrize("trigger", ["auth_error", "quota"])
def test_a_refused_key_is_no_outage_and_is_left_for_last(trigger: str) -> None:
    course = ProbeHistory(ProbeConfig())
    first, _, third = (course.record(ProbeResult(trigger, "401"), 100.0, no) for _ in range(3))
    assert first == ProbeFailure(trigger, "probe: 401")
    assert third is not None and (third.status, third.hold_until) == ("degraded", 123.0)


def test_live_answers_prove_more_than_a_list_of_models() -> None:
    course = ProbeHistory(ProbeConfig())
    troubles = [course.record(REFUSED, 100.0, lambda: True) for _ in range(9)]
    assert {trouble and trouble.status for trouble in troubles} == {"degraded"}


def test_an_outage_ends_by_itself_if_nobody_probes_any_more() -> None:
    breakers = Breakers(Random(1))
    breakers.record_probe("a@us", DOWN, 100)
    assert breakers.availability("a@us/m", 100).available_in_s == 60
    assert breakers.availability("a@us/m", 160).available_in_s == 0


def test_trouble_is_that_of_one_place_for_every_target_there_tried_or_not() -> None:
    breakers = Breakers(Random(1))
    breakers.force_admit("a@us/tried").record_content(100)
    breakers.record_probe("a@us", DOWN, 100)
    assert {breakers.availability(f"a@us/{name}", 100).probe_failure for name in ("tried", "x/y", "*")} == {DOWN}
    assert breakers.availability("a@usa/tried", 100) is breakers.availability("b@us/tried", 100) is UNTRIED
    assert breakers.availability("a@us/tried", 100).ejected_for_s == 0


def test_it_holds_for_a_request_with_a_circuit_breaker_of_its_own() -> None:
    breakers = Breakers(Random(1))
    breakers.record_probe("a@us", DOWN, 100)
    assert BreakerOverride(failure_threshold=50).available_in_s(breakers.availability("a@us/m", 100), 100) == 60


def ejected() -> Breakers:
    breakers = Breakers(Random(1))
    for target in ("a@us/m", "b@us/m"):
        for _ in range(5):
            breakers.force_admit(target).record_failure(CLASSIFICATIONS["timeout"], 100, LONG)
    return breakers


def test_the_first_good_probe_after_a_bad_one_lets_one_attempt_find_out() -> None:
    breakers = ejected()
    breakers.record_probe("a@us", DOWN, 101)
    breakers.record_probe("a@us", None, 102)
    assert (breakers.availability("a@us/m", 102).only_failed, breakers.availability("b@us/m", 102).only_failed) == (
        False,
        True,
    )
    leave = breakers.admit("a@us/m", 102)
    assert leave is not None and breakers.admit("a@us/m", 102) is None
    assert breakers.admit("b@us/m", 102) is None
    leave.record_failure(CLASSIFICATIONS["timeout"], 103, BreakerSettings())
    assert breakers.admit("a@us/m", 104) is None


def test_a_good_probe_alone_ends_no_ejection() -> None:
    breakers = ejected()
    breakers.record_probe("a@us", None, 101)
    assert breakers.admit("a@us/m", 102) is None and breakers.availability("a@us/m", 102).only_failed


def test_a_good_probe_after_the_ejection_shows_that_the_target_is_not_only_failing() -> None:
    breakers = ejected()
    breakers.record_probe("a@us", None, 120)
    assert (breakers.availability("a@us/m", 120).only_failed, breakers.availability("b@us/m", 120).only_failed) == (
        False,
        True,
    )


def test_what_is_probed_no_more_has_nothing_held_against_it_and_ends_no_ejection() -> None:
    breakers = ejected()
    breakers.record_probe("a@us", DOWN, 101)
    breakers.forget_probes(frozenset({"a@us", "c@us"}))
    standing = breakers.availability("a@us/m", 102)
    assert standing.probe_failure is None and standing.ejected_for_s > 0
