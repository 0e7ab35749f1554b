"""A worse status is reported at once, a better one after 5 s; an outage ends after five successes in a row."""

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
DOWN = ProbeFailure("connection_error", "probe: connection refused", "down", 1e9)


@dataclass
class Provider:
    """A provider whose targets are attempted as requests do, and whose health is evaluated every second."""

    targets: tuple[str, ...] = ("a@us/m",)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.observations = Observations()
        self.breakers = Breakers(Random(1))
        self.signals = SignalCache(
            self.observations, self.breakers.availability, probe_failures=self.breakers.probe_failures
        )

    def answers(self, script: str, target: str = "a@us/m") -> Provider:
        """`+` good, `-` bad, `l` rate limit, `f` content filter, `c` truncated, `g` client disconnect, `.` a second."""
        for letter in script:
            if letter == ".":
                self.wait(1)
            else:
                self._attempt(letter, target)
            self.evaluate()
        return self

    def _attempt(self, letter: str, target: str) -> None:
        permit = self.breakers.admit(target, self.now) or self.breakers.force_admit(target)
        recorder = self.observations.start_attempt(target, self.now)
        if letter in "+cg":
            permit.record_content(self.now)
            recorder.record_content(self.now)
        if letter == "+":
            permit.record_finish(self.now)
            recorder.record_finish(self.now)
        elif letter == "g":
            permit.release()
            recorder.record_cancel(self.now)
        else:
            trigger = {"l": "rate_limit", "f": "content_filter"}.get(letter, "server_error")
            classification = CLASSIFICATIONS[trigger]
            permit.record_failure(classification, self.now, self.breaker)
            recorder.record_failure(
                trigger, self.now, fault=classification.fault, good=classification.counts_as == "success"
            )

    def probe(self, failure: ProbeFailure | None = None, provider_region: str = "a@us") -> Provider:
        self.breakers.record_probe(provider_region, failure, self.now)
        self.observations.probes.record((provider_region,), good=failure is None)
        self.evaluate()
        return self

    def wait(self, seconds: int) -> Provider:
        for _ in range(seconds):
            self.now += 1
            self.evaluate()
        return self

    def evaluate(self) -> Health:
        members = [self.signals.member(target, self.now) for target in self.targets]
        return self.signals.group_health("a", members, self.now)

    @property
    def status(self) -> str:
        return self.evaluate().status


OFF = BreakerSettings(enabled=False)


@pytest.mark.parametrize("breaker", [BreakerSettings(), OFF], ids=["ejecting", "off"])
def test_a_failing_provider_is_down_until_it_succeeds(breaker: BreakerSettings) -> None:
    provider = Provider(breaker=breaker)
    statuses = {provider.answers("-.").status for _ in range(28)}
    assert statuses == {"healthy", "down"} and provider.status == "down"
    for pause in (1, 7, 30, 400):
        for _ in range(20):
            assert provider.wait(pause).status == "down"
            assert provider.answers("-").status == "down"


@pytest.mark.parametrize("breaker", [BreakerSettings(), OFF], ids=["ejecting", "off"])
def test_an_idle_broken_provider_stays_down(breaker: BreakerSettings) -> None:
    provider = Provider(breaker=breaker).answers("-----")
    since = provider.evaluate().since
    provider.now += 7 * 86400
    assert (provider.status, provider.evaluate().since) == ("down", since)


def test_one_success_makes_it_degraded_and_five_in_a_row_healthy() -> None:
    provider = Provider().answers("-" * 28).wait(30)
    assert provider.answers("+").status == "down"
    assert provider.wait(4).status == "down"
    assert provider.wait(1).evaluate() == Health("degraded", "recovering", provider.now)
    assert provider.answers("+++").wait(60).status == "degraded"
    assert provider.answers("+").status == "degraded"
    assert provider.wait(4).status == "degraded"
    assert provider.wait(1).evaluate() == Health("healthy", None, provider.now)


def test_a_failure_restarts_the_five_successes_in_a_row() -> None:
    provider = Provider().answers("-" * 20).wait(30).answers("++++-").wait(60).answers("++++").wait(60)
    assert provider.status == "degraded"
    assert provider.answers("+").wait(5).status == "healthy"


def test_after_a_recovery_earlier_failures_do_not_count() -> None:
    provider = Provider().answers("-" * 28).wait(30).answers("+++++").wait(5)
    assert provider.answers("-").status == "healthy"
    assert provider.answers("----").status == "down"


def test_an_outage_without_ejection_ends_after_five_successes_too() -> None:
    provider = Provider(breaker=OFF).answers("-" * 28)
    assert provider.answers("+").wait(5).status == "degraded"
    assert provider.answers("++++").wait(5).status == "healthy"


def test_a_content_filter_refusal_counts_as_a_success() -> None:
    provider = Provider().answers("-----").wait(30)
    assert provider.answers("f").wait(5).status == "degraded"
    assert provider.answers("ffff").wait(5).status == "healthy"


def test_answers_during_which_the_client_disconnects_count_as_successes() -> None:
    provider = Provider().answers("-----").wait(30)
    assert provider.answers("ggggg").wait(5).status == "healthy"


def test_a_provider_that_truncates_every_response_is_down() -> None:
    provider = Provider().answers("c." * 28)
    assert provider.status == "down"


def test_first_contents_of_truncated_responses_do_not_end_an_outage() -> None:
    provider = Provider(breaker=OFF)
    running = [provider.observations.start_attempt("a@us/m", provider.now) for _ in range(30)]
    for recorder in running[:10]:
        recorder.record_content(provider.now)
    for older, newer in zip(running, running[10:], strict=False):
        older.record_failure("connection_error", provider.now, fault=True)
        provider.evaluate()
        newer.record_content(provider.now)
        provider.wait(2)
    assert provider.status == "down"


def test_a_rate_limit_degrades_and_only_rate_limits_eject() -> None:
    assert Provider().answers("l").evaluate() == Health("degraded", "cooling down", 1000.0)
    assert Provider().answers("l" * 20).status == "down"


@pytest.mark.parametrize("outage", ["rate limits", "probes"])
def test_successes_before_an_outage_do_not_count_towards_its_end(outage: str) -> None:
    provider = Provider(breaker=BreakerSettings(min_success_rate=Ratio(0.9))).answers("+" * 17)
    if outage == "rate limits":
        provider.answers("lll").wait(40)
    else:
        provider.probe(DOWN).probe()
    provider.answers("+").wait(5)
    assert provider.evaluate() == Health("degraded", "recovering", provider.now)


def test_a_failing_region_only_degrades_its_provider() -> None:
    provider = Provider(("a@us/m", "a@eu/m"))
    for _ in range(30):
        provider.answers("+", "a@us/m").answers("-.", "a@eu/m").answers("++++", "a@us/m")
    assert provider.status == "degraded"
    for _ in range(40):
        provider.answers("++++++++++++++++++++.", "a@us/m")
    assert provider.status == "healthy"  # the failing region was not tried for five minutes


def test_a_provider_is_down_when_its_only_active_region_fails() -> None:
    provider = Provider(("a@us/m", "a@eu/m")).answers("+" * 20, "a@eu/m").wait(280)
    assert provider.answers("-" * 5, "a@us/m").status == "degraded"
    assert provider.wait(25).status == "down"
    assert provider.wait(1000).status == "down"


def test_probes_alone_show_an_outage_and_its_end() -> None:
    provider = Provider().probe()
    assert provider.probe(DOWN).evaluate() == Health("down", "probe: connection refused", 1000.0)
    assert provider.wait(400).status == "down"
    assert provider.probe().wait(5).evaluate() == Health("degraded", "recovering", 1405.0)
    for _ in range(3):
        assert provider.wait(10).probe().wait(5).status == "degraded"
    assert provider.probe().wait(5).evaluate() == Health("healthy", None, provider.now)


def test_probes_and_successes_count_together() -> None:
    provider = Provider().answers("-----").wait(30).answers("++").probe().probe().wait(60)
    assert provider.status == "degraded"
    assert provider.answers("+").wait(5).status == "healthy"


def test_good_probes_prove_nothing_while_requests_fail() -> None:
    provider = Provider().probe()
    provider.answers("-" * 10)
    for _ in range(10):
        provider.wait(4).probe().answers("-.-.")
        assert provider.status == "down"


def test_an_outage_that_only_probes_have_shown_ends_when_probing_is_turned_off() -> None:
    for answers, status in (("", "healthy"), ("-----", "degraded")):
        provider = Provider(breaker=OFF).answers(answers).probe(DOWN)
        provider.breakers.forget_probes(frozenset({"a@us"}))
        provider.observations.probes.forget({"a@us"})
        provider.observations.start_attempt("a@us/m", provider.now).record_content(provider.now)
        assert provider.wait(6).status == status, answers


def test_a_worse_status_is_reported_at_once_and_a_better_one_after_five_seconds() -> None:
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


def test_a_new_reason_of_the_same_status_is_reported_at_once() -> None:
    hysteresis = StatusHysteresis()
    hysteresis.observe("degraded", "cooling down", 1)
    assert hysteresis.observe("degraded", "some targets are ejected", 2) == Health(
        "degraded", "some targets are ejected", 1
    )


def test_the_best_status_that_has_held_is_reported() -> None:
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
def test_the_reported_status_is_the_worst_of_the_last_five_seconds(steps: list[tuple[float, str]]) -> None:
    hysteresis, now, history = StatusHysteresis(), 0.0, [(-1e9, "healthy")]
    for wait, status in steps:
        now += wait
        history.append((now, status))
        shown = hysteresis.observe(status, None, now).status
        # A status holds until the next observation, so the last one before that time counts too.
        older = [then for time, then in history if time <= now - RECOVERY_HOLD_S][-1:]
        recent = [then for time, then in history if time > now - RECOVERY_HOLD_S]
        assert RANK[shown] >= max(RANK[then] for then in recent)
        assert RANK[shown] <= max(RANK[then] for then in older + recent)


def test_a_group_that_was_always_healthy_has_no_history() -> None:
    provider = Provider().answers("+" * 50)
    assert provider.status == "healthy" and not provider.signals.group_histories.has("a")
    provider.answers("-")
    assert provider.signals.group_histories.has("a")


def test_pinned_groups_keep_their_history() -> None:
    cache = SignalCache(Observations(), Breakers(Random(1)).availability)
    cache.group_histories.pin(frozenset({"a"}))
    recorder = cache.observations.start_attempt("t", 0.0)
    recorder.record_failure("server_error", 0.0, fault=True)
    member = cache.member("t", 0.0)
    for key in ("a", *map(str, range(1001))):
        cache.group_health(key, [member], 0.0)
    assert [cache.group_histories.has(key) for key in ("a", "0", "1000")] == [True, False, True]
