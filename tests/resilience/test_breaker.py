"""The circuit breaker opens after repeated failures, and one trial attempt at a time decides whether it closes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.config.units import Ratio, Seconds
from proxy.resilience.breaker import TRIAL_LEASE_S, Breaker, BreakerPermit, BreakerSettings
from proxy.resilience.classification import CLASSIFICATIONS, Classification

DEFAULTS = BreakerSettings()
FAULT, LIMITED, CALLER_ERROR, FILTERED = (
    CLASSIFICATIONS[trigger] for trigger in ("timeout", "rate_limit", "invalid_request", "content_filter")
)
LETTERS = {"x": FAULT, "l": LIMITED, "c": CALLER_ERROR, "f": FILTERED, "b": FAULT}


class NoJitter(Random):
    """Always 0."""

    def random(self) -> float:
        return 0.0


def breaker_after(script: str, now: float = 100.0, options: BreakerSettings = DEFAULTS) -> Breaker:
    """Play attempts: s: success; x l c f: fault, rate limit, caller error, content filter; b: truncated; `.`: 1 s."""
    breaker = Breaker(NoJitter())
    for letter in script:
        if letter == ".":
            now += 1
            continue
        permit = breaker.admit(now) or BreakerPermit()
        if letter in "sb":
            breaker.record_content(permit, now)
        if letter == "s":
            breaker.record_finish()
        else:
            breaker.record_failure(permit, LETTERS[letter], now, options)
    return breaker


@pytest.mark.parametrize(
    ("script", "is_open"),
    [
        ("xxxx", False),
        ("xxxxx", True),
        ("xxxxsxxxx", False),
        ("xxxxlx", True),  # a rate limit neither adds to consecutive failures nor resets them
        ("xxxxcx", True),
        ("xxxxfxxxx", False),
        ("lllllllll", False),
        ("l" * 20, True),
        ("c" * 40, False),
        ("sx" * 10, False),  # the 20th attempt fails and exactly half have succeeded
        ("sx" * 9 + "xx", True),
        ("sxx" * 6 + "s", False),  # 19 attempts
        ("sxx" * 6 + "sx", True),
        ("bbbb", False),
        ("bbbbb", True),  # their first content does not reset truncations
        ("bbbbsbbbb", False),
        ("bbs" * 6 + "b", False),
        ("bbs" * 6 + "bb", True),  # 20 attempts, of which 14 were truncated
        ("sxx" * 6 + "." * 66 + "sx", False),  # too long ago
    ],
)
def test_consecutive_failures_or_a_low_success_rate_open_the_breaker(script: str, is_open: bool) -> None:
    breaker = breaker_after(script)
    assert (breaker.ejected_for_s(100) > 0) is is_open


@pytest.mark.parametrize(
    ("percent", "total"),
    [
        (percent, total)
        for percent in (7, 14, 28, 50, 55, 56, 57, 58, 90, 100)
        for total in (20, 25, 50, 100, 200)
        if percent * total % 100 == 0
    ],
)
def test_a_success_rate_exactly_at_the_threshold_does_not_open_it(percent: int, total: int) -> None:
    options = BreakerSettings(min_success_rate=Ratio.parse(f"{percent}%"), min_requests=total)
    successes = percent * total // 100
    for fewer, state in ((0, "closed"), (1, "open")):
        script = "s" * (successes - fewer) + "l" * (total - successes + fewer)
        assert breaker_after(script, options=options).state(100) == state


def test_a_disabled_breaker_never_opens() -> None:
    assert breaker_after("x" * 50, options=BreakerSettings(enabled=False)).state(100) == "closed"


def test_thresholds_and_times_can_be_configured() -> None:
    two = BreakerSettings(failure_threshold=2, base_ejection_time=Seconds(1))
    assert breaker_after("xx", options=two).ejected_for_s(100) == 1
    all_of_two = BreakerSettings(min_requests=2, min_success_rate=Ratio(1))
    assert breaker_after("ss", options=all_of_two).ejected_for_s(100) == 0
    assert breaker_after("sl", options=all_of_two).ejected_for_s(100) == 5


def test_it_is_closed_then_open_then_half_open_then_closed() -> None:
    breaker = breaker_after("xxxx")
    assert breaker.state(100) == "closed"
    breaker.record_failure(BreakerPermit(), FAULT, 100, DEFAULTS)
    assert (breaker.state(100), breaker.state(104.9), breaker.state(105)) == ("open", "open", "half-open")
    permit = trial(breaker, 105)
    assert breaker.state(105) == "half-open"
    breaker.record_content(permit, 105)
    assert breaker.state(105) == "closed"


def trial(breaker: Breaker, now: float) -> BreakerPermit:
    """Admit the trial attempt, and check that no other is admitted."""
    permit = breaker.admit(now)
    assert permit is not None and breaker.admit(now) is None
    return permit


def test_each_failed_trial_doubles_the_ejection_up_to_twenty_seconds() -> None:
    breaker, now, ejections = breaker_after("xxxxx"), 100.0, []
    for _ in range(4):
        ejections.append(breaker.ejected_for_s(now))
        assert breaker.admit(now + ejections[-1] - 0.001) is None
        now += ejections[-1]
        breaker.record_failure(trial(breaker, now), FAULT, now, DEFAULTS)
    assert ejections == [5, 10, 20, 20]


@pytest.mark.parametrize("seed", range(20))
def test_jitter_shortens_an_ejection_by_at_most_a_fifth(seed: int) -> None:
    breaker = Breaker(Random(seed))
    for _ in range(5):
        breaker.record_failure(BreakerPermit(), FAULT, 100, DEFAULTS)
    assert 4 <= breaker.ejected_for_s(100) <= 5


@pytest.mark.parametrize(("classification", "state"), [(FAULT, "open"), (LIMITED, "open"), (FILTERED, "closed")])
def test_the_trial_attempt_opens_or_closes_the_breaker(classification: Classification, state: str) -> None:
    breaker = breaker_after("xxxxx")
    breaker.record_failure(trial(breaker, 105), classification, 105, DEFAULTS)
    assert breaker.state(105) == state


def test_after_a_trial_without_evidence_the_next_attempt_is_the_trial() -> None:
    breaker = breaker_after("xxxxx")
    breaker.record_failure(trial(breaker, 105), CALLER_ERROR, 105, DEFAULTS)
    breaker.release(trial(breaker, 105))
    breaker.record_content(trial(breaker, 105), 105)
    assert breaker.admit(105) and breaker.admit(105)


def test_a_trial_that_never_ends_is_ignored_after_its_lease() -> None:
    breaker = breaker_after("xxxxx")
    lost = trial(breaker, 105)
    late = trial(breaker, 105 + TRIAL_LEASE_S)
    breaker.record_failure(lost, FAULT, 106 + TRIAL_LEASE_S, DEFAULTS)
    assert breaker.ejected_for_s(106 + TRIAL_LEASE_S) == 0
    breaker.record_content(late, 106 + TRIAL_LEASE_S)
    assert breaker.state(106 + TRIAL_LEASE_S) == "closed"


def test_other_attempts_neither_extend_nor_end_an_ejection() -> None:
    breaker = breaker_after("xxxxx")
    for _ in range(10):
        breaker.record_failure(BreakerPermit(), FAULT, 102, DEFAULTS)
    assert breaker.ejected_for_s(102) == 3
    breaker.record_content(BreakerPermit(), 102)
    assert breaker.ejected_for_s(102) == 3


def test_recovery_resets_consecutive_failures_and_the_ejection_time() -> None:
    breaker = breaker_after("xxxxx")
    breaker.record_content(trial(breaker, 105), 105)
    for _ in range(4):
        breaker.record_failure(BreakerPermit(), FAULT, 105, DEFAULTS)
    assert (breaker.consecutive_failures, breaker.ejected_for_s(105)) == (4, 0)
    breaker.record_failure(BreakerPermit(), FAULT, 105, DEFAULTS)
    assert breaker.ejected_for_s(105) == 5


def test_recovery_resets_the_success_rate() -> None:
    breaker = breaker_after("l" * 20)
    breaker.record_content(trial(breaker, 105), 105)
    breaker.record_failure(BreakerPermit(), LIMITED, 105, DEFAULTS)
    assert breaker.ejected_for_s(105) == 0


def test_attempts_other_than_the_trial_do_not_end_the_trial() -> None:
    breaker = breaker_after("xxxxx")
    permit = trial(breaker, 105)
    breaker.record_content(BreakerPermit(), 105)
    breaker.release(BreakerPermit())
    breaker.record_failure(BreakerPermit(), CALLER_ERROR, 105, DEFAULTS)
    assert breaker.admit(105) is None
    breaker.release(permit)
    assert breaker.admit(105)


def test_an_ejected_target_has_only_failed_until_an_attempt_or_a_probe_succeeds() -> None:
    assert not breaker_after("xxxx").only_failed
    breaker, now = breaker_after("xxxxx"), 105.0
    breaker.record_failure(BreakerPermit(), LIMITED, 101, DEFAULTS)
    breaker.record_probe_success(101)  # while the breaker is open, that proves nothing
    assert breaker.only_failed
    for succeed in (
        breaker.record_probe_success,
        lambda at: breaker.record_content(BreakerPermit(), at),
        lambda at: breaker.record_failure(BreakerPermit(), FILTERED, at, DEFAULTS),
    ):
        succeed(now)
        assert not breaker.only_failed
        breaker.record_failure(trial(breaker, now), FAULT, now, DEFAULTS)
        assert breaker.only_failed
        now += breaker.ejected_for_s(now)
    breaker.record_content(trial(breaker, now), now)
    assert not breaker.only_failed


def test_a_truncated_response_is_no_success() -> None:
    breaker, permit = breaker_after("xxxxx"), BreakerPermit()
    breaker.record_content(permit, 101)
    breaker.record_failure(permit, FAULT, 102, DEFAULTS)
    assert breaker.only_failed


class BreakerMachine(RuleBasedStateMachine):
    """Attempts overlap in every way while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(Random(7))
        self.now = 1000.0
        self.running: list[BreakerPermit] = []
        self.trials: list[BreakerPermit] = []

    @rule(seconds=st.one_of(st.floats(0, 1), st.floats(0, 30), st.floats(0, 400)))
    def time_passes(self, seconds: float) -> None:
        before = self.breaker.ejected_for_s(self.now)
        self.now += seconds
        assert self.breaker.ejected_for_s(self.now) <= max(0.0, before - seconds) + 1e-6
        self.trials = [] if seconds >= TRIAL_LEASE_S else self.trials

    @rule()
    def an_attempt_is_admitted_or_not(self) -> None:
        state = self.breaker.state(self.now)
        permit = self.breaker.admit(self.now)
        assert permit or state != "closed"
        assert not permit or state != "open"
        if permit:
            self.running.append(permit)
            if state == "half-open":
                self.trials.append(permit)

    @rule()
    def an_attempt_is_forced(self) -> None:
        self.running.append(BreakerPermit())

    @precondition(lambda self: self.running)
    @rule(data=st.data(), end=st.sampled_from(["content", "fault", "limited", "caller_error", "released"]))
    def an_attempt_ends(self, data: st.DataObject, end: str) -> None:
        permit = data.draw(st.sampled_from(self.running))
        if end == "content" and permit.has_content:
            return
        ejected = self.breaker.ejected_for_s(self.now)
        self._end(permit, end)
        if ejected and permit not in self.trials:
            assert self.breaker.ejected_for_s(self.now) == ejected
        self.trials = [each for each in self.trials if each is not permit]

    def _end(self, permit: BreakerPermit, end: str) -> None:
        if end == "content":
            self.breaker.record_content(permit, self.now)
            return
        self.running = [each for each in self.running if each is not permit]
        if end == "released":
            self.breaker.release(permit)
        else:
            classification = {"fault": FAULT, "limited": LIMITED, "caller_error": CALLER_ERROR}[end]
            self.breaker.record_failure(permit, classification, self.now, DEFAULTS)

    @rule()
    def no_ejection_lasts_forever(self) -> None:
        assert self.breaker.ejected_for_s(self.now) <= DEFAULTS.max_ejection_time
        self.now += DEFAULTS.max_ejection_time
        permit = self.breaker.admit(self.now)
        if permit is None:
            self.now += TRIAL_LEASE_S
            permit = self.breaker.admit(self.now)
        assert permit is not None
        self.trials = []
        self.breaker.release(permit)

    @invariant()
    def at_most_one_trial_is_in_flight(self) -> None:
        assert len(self.trials) <= 1


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=100, deadline=None)
