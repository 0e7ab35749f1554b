"""Failed probes make the targets of a region degraded, then down, until a probe succeeds or probing stops."""

from __future__ import annotations

from random import Random

import pytest

from proxy.config.schema import ProbeConfig
from proxy.config.units import Seconds
from proxy.resilience.availability import UNTRIED, ProbeFailure
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.breakers import BreakerOverride, Breakers
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.resilience.probes import ProbeHistory, ProbeResult

REFUSED = ProbeResult("connection_error", "connection refused")
LONG_EJECTION = BreakerSettings(base_ejection_time=Seconds(20))
DOWN = ProbeFailure("connection_error", "probe: connection refused", "down", 160.0)


def never_answered() -> bool:
    return False


def statuses(*results: ProbeResult | None) -> list[str | None]:
    """Return the status after each probe; they are 10 s apart."""
    history = ProbeHistory(ProbeConfig())
    failures = [history.record(result, 100.0 + 10 * at, never_answered) for at, result in enumerate(results)]
    return [failure and failure.status for failure in failures]


def test_one_failure_degrades_and_three_in_a_row_are_an_outage() -> None:
    assert statuses(REFUSED, REFUSED, REFUSED, REFUSED) == ["degraded", "degraded", "down", "down"]
    assert statuses(REFUSED, REFUSED, None, REFUSED, None) == ["degraded", "degraded", None, "degraded", None]


@pytest.mark.parametrize("trigger", ["connection_error", "timeout", "server_error", "model_overloaded"])
def test_a_target_fault_is_an_outage(trigger: str) -> None:
    assert statuses(*[ProbeResult(trigger, "x")] * 3)[-1] == "down"


@pytest.mark.parametrize("trigger", ["rate_limit", "not_found", "invalid_request", "context_length", "content_filter"])
def test_an_error_response_that_is_no_fault_counts_as_reachable(trigger: str) -> None:
    assert statuses(*[ProbeResult(trigger, "x")] * 3) == [None] * 3


@pytest.mark.parametrize("trigger", ["auth_error", "quota"])
def test_a_refused_key_degrades_and_is_used_last(trigger: str) -> None:
    history = ProbeHistory(ProbeConfig())
    first, _, third = (history.record(ProbeResult(trigger, "401"), 100.0, never_answered) for _ in range(3))
    assert first == ProbeFailure(trigger, "probe: 401")
    assert third is not None and (third.status, third.hold_until) == ("degraded", 123.0)


def test_successful_requests_between_probes_prevent_an_outage() -> None:
    history = ProbeHistory(ProbeConfig())
    failures = [history.record(REFUSED, 100.0, lambda: True) for _ in range(9)]
    assert {failure and failure.status for failure in failures} == {"degraded"}


def test_the_hold_runs_out_if_probing_stops() -> None:
    breakers = Breakers(Random(1))
    breakers.record_probe("a@us", DOWN, 100)
    assert breakers.availability("a@us/m", 100).available_in_s == 60
    assert breakers.availability("a@us/m", 160).available_in_s == 0


def test_a_probe_failure_applies_to_all_targets_of_that_region_tried_or_not() -> None:
    breakers = Breakers(Random(1))
    breakers.force_admit("a@us/tried").record_content(100)
    breakers.record_probe("a@us", DOWN, 100)
    assert {breakers.availability(f"a@us/{name}", 100).probe_failure for name in ("tried", "x/y", "*")} == {DOWN}
    assert breakers.availability("a@usa/tried", 100) is breakers.availability("b@us/tried", 100) is UNTRIED
    assert breakers.availability("a@us/tried", 100).ejected_for_s == 0


def test_a_probe_failure_applies_to_a_request_that_overrides_the_breaker() -> None:
    breakers = Breakers(Random(1))
    breakers.record_probe("a@us", DOWN, 100)
    assert BreakerOverride(failure_threshold=50).available_in_s(breakers.availability("a@us/m", 100), 100) == 60


def ejected() -> Breakers:
    breakers = Breakers(Random(1))
    for target in ("a@us/m", "b@us/m"):
        for _ in range(5):
            breakers.force_admit(target).record_failure(CLASSIFICATIONS["timeout"], 100, LONG_EJECTION)
    return breakers


def test_the_first_success_after_a_failed_probe_makes_open_breakers_half_open() -> None:
    breakers = ejected()
    breakers.record_probe("a@us", DOWN, 101)
    breakers.record_probe("a@us", None, 102)
    assert [breakers.availability(target, 102).only_failed for target in ("a@us/m", "b@us/m")] == [False, True]
    permit = breakers.admit("a@us/m", 102)
    assert permit is not None and breakers.admit("a@us/m", 102) is None
    assert breakers.admit("b@us/m", 102) is None
    permit.record_failure(CLASSIFICATIONS["timeout"], 103, BreakerSettings())
    assert breakers.admit("a@us/m", 104) is None


def test_a_successful_probe_alone_ends_no_ejection() -> None:
    breakers = ejected()
    breakers.record_probe("a@us", None, 101)
    assert breakers.admit("a@us/m", 102) is None and breakers.availability("a@us/m", 102).only_failed


def test_after_the_ejection_a_successful_probe_shows_that_the_target_is_not_only_failing() -> None:
    breakers = ejected()
    breakers.record_probe("a@us", None, 120)
    assert [breakers.availability(target, 120).only_failed for target in ("a@us/m", "b@us/m")] == [False, True]


def test_a_region_that_is_no_longer_probed_loses_its_failure_but_not_its_ejections() -> None:
    breakers = ejected()
    breakers.record_probe("a@us", DOWN, 101)
    breakers.forget_probes(frozenset({"a@us", "c@us"}))
    availability = breakers.availability("a@us/m", 102)
    assert availability.probe_failure is None and availability.ejected_for_s > 0
