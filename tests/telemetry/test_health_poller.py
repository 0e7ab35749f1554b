"""A poll reads every target, counts ejections at once, and measures and evaluates a bounded number."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.resilience.availability import UNTRIED, Availability, ProbeFailure
from proxy.telemetry.health import HEALTH_WINDOW_S, Member
from proxy.telemetry.health_poller import MAX_EVALUATED_PER_POLL, MAX_MEASURED_PER_POLL, HealthPoller
from proxy.telemetry.observations import Observations
from proxy.telemetry.signals import SignalCache
from proxy.telemetry.ttft_trend import REFRESH_S


@dataclass
class PolledTargets(Observations):
    """Observations and availability of targets, and a poller of them."""

    availability: dict[str, Availability] = field(default_factory=dict)

    def poller(self) -> HealthPoller:
        return HealthPoller(SignalCache(self, lambda target, now: self.availability.get(target, UNTRIED)))

    def fail(self, target: str, now: float, times: int = 20) -> None:
        for _ in range(times):
            self.start_attempt(target, now).record_failure("server_error", now, fault=True)

    def answer(self, target: str, now: float) -> None:
        self.start_attempt(target, now).record_finish(now)


def evaluated(poller: HealthPoller, targets: list[str]) -> list[str]:
    """Return the targets that were ever evaluated."""
    return [target for target in targets if poller.signals.target_histories.has(target)]


def test_a_target_that_was_never_tried_is_a_member_like_any_other() -> None:
    polled = PolledTargets(availability={"b": Availability(probe_failure=ProbeFailure("timeout", "probe: x"))})
    poller = polled.poller()
    assert poller.poll(["a", "b"], 1.0) == {"a": Member(), "b": Member(polled.availability["b"])}
    assert evaluated(poller, ["a", "b"]) == ["b"]


def test_a_target_is_evaluated_as_decisions_will_see_it() -> None:
    polled = PolledTargets()
    poller = polled.poller()
    polled.answer("a", 1.0)
    assert poller.signals.table_at(1.0).get("a").degraded is False
    polled.fail("a", 1.0)
    poller.poll(["a"], 1.0)
    for _ in range(25):
        polled.answer("a", 2.0)
    poller.poll(["a"], 2.0)
    poller.poll(["a"], 6.9)
    assert poller.signals.table_at(6.9).get("a").degraded is True
    assert poller.signals.table_at(7.2).get("a").degraded is False


def test_a_poll_measures_a_bounded_number_of_targets_and_the_next_poll_the_others() -> None:
    polled = PolledTargets()
    poller, targets = polled.poller(), [f"t{number}" for number in range(MAX_MEASURED_PER_POLL + 3)]
    for target in targets:
        polled.answer(target, 1.0)

    def measured() -> int:
        records = [polled.get(target) for target in targets]
        return sum(record.trend.samples for record in records if record)

    poller.poll(targets, 1.0)
    assert measured() == MAX_MEASURED_PER_POLL
    poller.poll(targets, 1.0)
    assert measured() == MAX_MEASURED_PER_POLL + 3


def test_only_trends_that_are_in_use_and_out_of_date_are_measured() -> None:
    polled = PolledTargets()
    poller = polled.poller()
    polled.answer("a", 1.0)
    record = polled.get("a")
    assert record is not None
    for now, measured_at in ((1.0, 1.0), (1.0 + REFRESH_S / 2, 1.0), (1.0 + REFRESH_S, 1.0 + REFRESH_S)):
        poller.poll(["a"], now)
        assert record.trend.measured_at == measured_at
    poller.poll(["a"], 1.0 + 2 * HEALTH_WINDOW_S)
    assert record.trend.measured_at == 1.0 + REFRESH_S


def test_a_poll_evaluates_a_bounded_number_of_targets_and_the_next_poll_the_others() -> None:
    targets = [f"t{number}" for number in range(2 * MAX_EVALUATED_PER_POLL + 1)]
    poller = PolledTargets(availability=dict.fromkeys(targets, Availability(ejected_for_s=2.0))).poller()
    for polls in (1, 2):
        members = poller.poll(targets, 1.0)
        assert all(member.availability.is_down for member in members.values())
        assert evaluated(poller, targets) == targets[: polls * MAX_EVALUATED_PER_POLL]
    poller.poll(targets, 1.0)
    poller.poll(targets, 1.0)
    assert evaluated(poller, targets) == targets


def test_each_ejection_is_counted_once_however_often_it_is_polled() -> None:
    polled = PolledTargets()
    poller = polled.poller()
    polled.fail("a", 1.0)
    for now, left_s in ((1.0, 5.0), (1.3, 4.7), (5.9, 0.1), (6.2, 0.0), (6.5, 10.0), (7.0, 9.5)):
        polled.availability["a"] = Availability(ejected_for_s=left_s)
        poller.poll(["a"], now)
    record = polled.get("a")
    assert record is not None and record.ejections == 2
