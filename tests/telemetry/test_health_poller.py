"""A look finds what is known of many targets, ejections at once, and measures and judges only so many."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.resilience.availability import UNTRIED, Availability, ProbeFailure
from proxy.telemetry.health import HEALTH_WINDOW_S, Member
from proxy.telemetry.health_poller import MAX_EVALUATED_PER_POLL, MAX_MEASURED_PER_POLL, HealthPoller
from proxy.telemetry.observations import Observations
from proxy.telemetry.signals import SignalCache
from proxy.telemetry.ttft_trend import REFRESH_S


@dataclass
class Looked(Observations):
    """Observations, what is held against targets, and looks at them."""

    standings: dict[str, Availability] = field(default_factory=dict)

    def glances(self) -> HealthPoller:
        return HealthPoller(SignalCache(self, lambda target, now: self.standings.get(target, UNTRIED)))

    def fail(self, target: str, now: float, times: int = 20) -> None:
        for _ in range(times):
            self.start_attempt(target, now).record_failure("server_error", now, fault=True)

    def answer(self, target: str, now: float) -> None:
        self.start_attempt(target, now).record_finish(now)


def judged(glances: HealthPoller, targets: list[str]) -> list[str]:
    """Those that were ever judged by themselves."""
    return [target for target in targets if glances.signals.target_histories.knows(target)]


def test_a_target_that_was_never_tried_is_a_member_like_any_other() -> None:
    seen = Looked(standings={"b": Availability(probe_failure=ProbeFailure("timeout", "probe: x"))})
    glances = seen.glances()
    assert glances.poll(["a", "b"], 1.0) == {"a": Member(), "b": Member(seen.standings["b"])}
    assert judged(glances, ["a", "b"]) == ["b"]


def test_a_target_is_judged_as_decisions_will_see_it() -> None:
    seen = Looked()
    glances = seen.glances()
    seen.answer("a", 1.0)
    assert glances.signals.table_at(1.0).get("a").degraded is False
    seen.fail("a", 1.0)
    glances.poll(["a"], 1.0)
    for _ in range(25):
        seen.answer("a", 2.0)
    glances.poll(["a"], 2.0)
    glances.poll(["a"], 6.9)
    assert glances.signals.table_at(6.9).get("a").degraded is True
    assert glances.signals.table_at(7.2).get("a").degraded is False


def test_of_many_busy_ones_only_so_many_are_measured_at_once_and_all_have_their_turn() -> None:
    seen = Looked()
    glances, targets = seen.glances(), [f"t{number}" for number in range(MAX_MEASURED_PER_POLL + 3)]
    for target in targets:
        seen.answer(target, 1.0)

    def measured() -> int:
        records = [seen.get(target) for target in targets]
        return sum(record.trend.samples for record in records if record)

    glances.poll(targets, 1.0)
    assert measured() == MAX_MEASURED_PER_POLL
    glances.poll(targets, 1.0)
    assert measured() == MAX_MEASURED_PER_POLL + 3


def test_only_what_is_in_use_is_measured_and_not_before_it_is_out_of_date() -> None:
    seen = Looked()
    glances = seen.glances()
    seen.answer("a", 1.0)
    record = seen.get("a")
    assert record is not None
    for now, measured_at in ((1.0, 1.0), (1.0 + REFRESH_S / 2, 1.0), (1.0 + REFRESH_S, 1.0 + REFRESH_S)):
        glances.poll(["a"], now)
        assert record.trend.measured_at == measured_at
    glances.poll(["a"], 1.0 + 2 * HEALTH_WINDOW_S)
    assert record.trend.measured_at == 1.0 + REFRESH_S


def test_of_many_that_fail_only_so_many_are_judged_at_once_and_all_have_their_turn() -> None:
    targets = [f"t{number}" for number in range(2 * MAX_EVALUATED_PER_POLL + 1)]
    glances = Looked(standings=dict.fromkeys(targets, Availability(ejected_for_s=2.0))).glances()
    for looks in (1, 2):
        members = glances.poll(targets, 1.0)
        assert all(member.availability.is_down for member in members.values())
        assert judged(glances, targets) == targets[: looks * MAX_EVALUATED_PER_POLL]
    glances.poll(targets, 1.0)
    glances.poll(targets, 1.0)
    assert judged(glances, targets) == targets


def test_each_ejection_is_counted_once_however_often_it_is_seen() -> None:
    seen = Looked()
    glances = seen.glances()
    seen.fail("a", 1.0)
    for now, left in ((1.0, 5.0), (1.3, 4.7), (5.9, 0.1), (6.2, 0.0), (6.5, 10.0), (7.0, 9.5)):
        seen.standings["a"] = Availability(ejected_for_s=left)
        glances.poll(["a"], now)
    record = seen.get("a")
    assert record is not None and record.ejections == 2
