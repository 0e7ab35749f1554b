"""Worse shows at once and better once it has held; an outage lasts until five successes or good probes in a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.units import Ratio
from proxy.resilience.availability import ProbeFailure
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.breakers import Breakers
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.telemetry.health import Health
from proxy.telemetry.observations import Observations
from proxy.telemetry.signals import SignalCache
from proxy.telemetry.status_history import RECOVERY_HOLD_S, StatusHysteresis

RANK = {"healthy": 0, "degraded": 1, "down": 2}
OUT = ProbeFailure("connection_error", "probe: connection refused", "down", 1e9)


@dataclass
class Provider:
    """A provider whose targets are tried as requests try them, and looked at every second."""

    targets: tuple[str, ...] = ("a@us/m",)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.observations = Observations()
        self.breakers = Breakers(Random(1))
        self.board = SignalCache(
            self.observations, self.breakers.availability, probe_failures=self.breakers.probe_failures
        )

    def answers(self, script: str, target: str = "a@us/m") -> Provider:
        """`+` good, `-` bad, `l` limited, `f` refused by the content filter, `c` cut, `g` the caller left, `.` a second."""
        for letter in script:
            if letter == ".":
                self.wait(1)
            else:
                self._attempt(letter, target)
            self.look()
        return self

    def _attempt(self, letter: str, target: str) -> None:
        leave = self.breakers.admit(target, self.now) or self.breakers.force_admit(target)
        flight = self.observations.start_attempt(target, self.now)
        if letter in "+cg":
            leave.record_content(self.now)
            flight.record_content(self.now)
        if letter == "+":
            leave.record_finish(self.now)
            flight.record_finish(self.now)
        elif letter == "g":
            leave.release()
            flight.record_cancel(self.now)
        else:
            trigger = {"l": "rate_limit", "f": "content_filter"}.get(letter, "server_error")
            verdict = CLASSIFICATIONS[trigger]
            leave.record_failure(verdict, self.now, self.breaker)
            flight.record_failure(trigger, self.now, fault=verdict.fault, good=verdict.counts_as == "success")

    def probe(self, trouble: ProbeFailure | None = None, place: str = "a@us") -> Provider:
        self.breakers.record_probe(place, trouble, self.now)
        self.observations.probes.record((place,), good=trouble is None)
        self.look()
        return self

    def wait(self, seconds: int) -> Provider:
        for _ in range(seconds):
            self.now += 1
            self.look()
        return self

    def look(self) -> Health:
        members = [self.board.member(target, self.now) for target in self.targets]
        return self.board.group_health("a", members, self.now)

    @property
    def status(self) -> str:
        return self.look().status


OFF = BreakerSettings(enabled=False)


@pytest.mark.parametrize("breaker", [BreakerSettings(), OFF], ids=["ejecting", "off"])
def test_a_dead_provider_is_down_for_as_long_as_it_is_dead(breaker: BreakerSettings) -> None:
    provider = Provider(breaker=breaker)
    shown = {provider.answers("-.").status for _ in range(28)}
    assert shown == {"healthy", "down"} and provider.status == "down"
    for pause in (1, 7, 30, 400):
        for _ in range(20):
            assert provider.wait(pause).status == "down"
            assert provider.answers("-").status == "down"


@pytest.mark.parametrize("breaker", [BreakerSettings(), OFF], ids=["ejecting", "off"])
def test_an_idle_broken_provider_stays_down(breaker: BreakerSettings) -> None:
    provider = Provider(breaker=breaker).answers("-----")
    since = provider.look().since
    provider.now += 7 * 86400
    assert (provider.status, provider.look().since) == ("down", since)


def test_one_success_makes_it_degraded_and_five_in_a_row_healthy() -> None:
    provider = Provider().answers("-" * 28).wait(30)
    assert provider.answers("+").status == "down"
    assert provider.wait(4).status == "down"
    assert provider.wait(1).look() == Health("degraded", "recovering", provider.now)
    assert provider.answers("+++").wait(60).status == "degraded"
    assert provider.answers("+").status == "degraded"
    assert provider.wait(4).status == "degraded"
    assert provider.wait(1).look() == Health("healthy", None, provider.now)


def test_a_failure_begins_the_row_of_five_again() -> None:
    provider = Provider().answers("-" * 20).wait(30).answers("++++-").wait(60).answers("++++").wait(60)
    assert provider.status == "degraded"
    assert provider.answers("+").wait(5).status == "healthy"


def test_after_five_in_a_row_the_outage_counts_no_more() -> None:
    provider = Provider().answers("-" * 28).wait(30).answers("+++++").wait(5)
    assert provider.answers("-").status == "healthy"
    assert provider.answers("----").status == "down"


def test_an_outage_without_ejection_ends_the_same_way() -> None:
    provider = Provider(breaker=OFF).answers("-" * 28)
    assert provider.answers("+").wait(5).status == "degraded"
    assert provider.answers("++++").wait(5).status == "healthy"


def test_what_the_caller_did_changes_nothing_and_a_refusal_by_the_filter_is_an_answer() -> None:
    provider = Provider().answers("-----").wait(30)
    assert provider.answers("f").wait(5).status == "degraded"
    assert provider.answers("ffff").wait(5).status == "healthy"


def test_answers_that_callers_leave_are_as_good_as_finished_ones() -> None:
    provider = Provider().answers("-----").wait(30)
    assert provider.answers("ggggg").wait(5).status == "healthy"


def test_a_provider_that_cuts_every_answer_is_down() -> None:
    provider = Provider().answers("c." * 28)
    assert provider.status == "down"


def test_beginnings_of_answers_that_are_all_cut_do_not_make_it_well() -> None:
    provider = Provider(breaker=OFF)
    running = [provider.observations.start_attempt("a@us/m", provider.now) for _ in range(30)]
    for flight in running[:10]:
        flight.record_content(provider.now)
    for older, newer in zip(running, running[10:], strict=False):
        older.record_failure("connection_error", provider.now, fault=True)
        provider.look()
        newer.record_content(provider.now)
        provider.wait(2)
    assert provider.status == "down"


def test_a_limited_provider_is_degraded_and_one_that_limits_everything_is_ejected() -> None:
    assert Provider().answers("l").look() == Health("degraded", "cooling down", 1000.0)
    assert Provider().answers("l" * 20).status == "down"


@pytest.mark.parametrize("outage", ["limited", "probes"])
def test_successes_from_before_an_outage_do_not_count_towards_its_end(outage: str) -> None:
    provider = Provider(breaker=BreakerSettings(min_success_rate=Ratio(0.9))).answers("+" * 17)
    if outage == "limited":
        provider.answers("lll").wait(40)
    else:
        provider.probe(OUT).probe()
    provider.answers("+").wait(5)
    assert provider.look() == Health("degraded", "recovering", provider.now)


def test_a_dead_region_does_not_take_its_provider_down() -> None:
    provider = Provider(("a@us/m", "a@eu/m"))
    for _ in range(30):
        provider.answers("+", "a@us/m").answers("-.", "a@eu/m").answers("++++", "a@us/m")
    assert provider.status == "degraded"
    for _ in range(40):
        provider.answers("++++++++++++++++++++.", "a@us/m")
    assert provider.status == "healthy"  # nothing was tried at the dead one lately


def test_when_the_only_region_in_use_dies_the_provider_is_down() -> None:
    provider = Provider(("a@us/m", "a@eu/m")).answers("+" * 20, "a@eu/m").wait(280)
    assert provider.answers("-" * 5, "a@us/m").status == "degraded"
    assert provider.wait(25).status == "down"
    assert provider.wait(1000).status == "down"


def test_probes_alone_show_an_outage_and_its_end() -> None:
    provider = Provider().probe()
    assert provider.probe(OUT).look() == Health("down", "probe: connection refused", 1000.0)
    assert provider.wait(400).status == "down"
    assert provider.probe().wait(5).look() == Health("degraded", "recovering", 1405.0)
    for _ in range(3):
        assert provider.wait(10).probe().wait(5).status == "degraded"
    assert provider.probe().wait(5).look() == Health("healthy", None, provider.now)


def test_probes_and_successes_make_one_row() -> None:
    provider = Provider().answers("-----").wait(30).answers("++").probe().probe().wait(60)
    assert provider.status == "degraded"
    assert provider.answers("+").wait(5).status == "healthy"


def test_a_good_probe_proves_nothing_while_requests_are_failing() -> None:
    provider = Provider().probe()
    provider.answers("-" * 10)
    for _ in range(10):
        provider.wait(4).probe().answers("-.-.")
        assert provider.status == "down"


def test_what_only_probes_have_shown_is_over_when_they_are_switched_off() -> None:
    for answers, status in (("", "healthy"), ("-----", "degraded")):
        provider = Provider(breaker=OFF).answers(answers).probe(OUT)
        provider.breakers.forget_probes(frozenset({"a@us"}))
        provider.observations.probes.forget({"a@us"})
        provider.observations.start_attempt("a@us/m", provider.now).record_content(provider.now)
        assert provider.wait(6).status == status, answers


def test_worse_shows_at_once_and_better_after_five_seconds() -> None:
    hysteresis = StatusHysteresis()
    for now, status, shown in [
        (0, "healthy", "healthy"),
        (1, "down", "down"),
        (2, "healthy", "down"),
        (6.9, "healthy", "down"),
        (7, "healthy", "healthy"),
        (8, "degraded", "degraded"),
        (9, "healthy", "degraded"),
        (10, "degraded", "degraded"),
        (14, "healthy", "degraded"),
        (19, "healthy", "healthy"),
    ]:
        assert hysteresis.observe(status, status, now).status == shown, now
    assert (hysteresis.shown.since, hysteresis.shown.reason) == (19, "healthy")


def test_better_goes_as_far_as_what_has_held() -> None:
    hysteresis = StatusHysteresis()
    for now, status, shown in [
        (0, "down", "down"),
        (1, "degraded", "down"),
        (5, "healthy", "down"),
        (6, "healthy", "degraded"),
        (9.9, "healthy", "degraded"),
        (10, "healthy", "healthy"),
    ]:
        assert hysteresis.observe(status, f"because {status}", now).status == shown, now
        assert hysteresis.shown.reason == f"because {shown}"


@given(st.lists(st.tuples(st.floats(0, 4), st.sampled_from(sorted(RANK)))))
def test_what_is_shown_is_the_worst_of_the_last_five_seconds(steps: list[tuple[float, str]]) -> None:
    hysteresis, now, history = StatusHysteresis(), 0.0, [(-1e9, "healthy")]
    for wait, status in steps:
        now += wait
        history.append((now, status))
        shown = hysteresis.observe(status, None, now).status
        # A status holds until the next one is seen, so what was seen last before that time counts too.
        older = [then for time, then in history if time <= now - RECOVERY_HOLD_S][-1:]
        recent = [then for time, then in history if time > now - RECOVERY_HOLD_S]
        assert RANK[shown] >= max(RANK[then] for then in recent)
        assert RANK[shown] <= max(RANK[then] for then in older + recent)


def test_a_group_that_was_always_well_takes_no_room() -> None:
    provider = Provider().answers("+" * 50)
    assert provider.status == "healthy" and not provider.board.group_histories.knows("a")
    provider.answers("-")
    assert provider.board.group_histories.knows("a")


def test_groups_of_the_file_are_kept_for_good() -> None:
    board = SignalCache(Observations(), Breakers(Random(1)).availability)
    board.group_histories.pin(frozenset({"a"}))
    flight = board.observations.start_attempt("t", 0.0)
    flight.record_failure("server_error", 0.0, fault=True)
    member = board.member("t", 0.0)
    for key in ("a", *map(str, range(1001))):
        board.group_health(key, [member], 0.0)
    assert (
        board.group_histories.knows("a")
        and not board.group_histories.knows("0")
        and board.group_histories.knows("1000")
    )
