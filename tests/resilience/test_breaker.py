"""A target that keeps failing is taken out for a while, and one attempt at a time finds out whether it is back."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.resilience.breaker import PROBE_LEASE_S, Breaker, BreakerPermit, BreakerSettings
from proxy.resilience.classification import CLASSIFICATIONS, Classification

USUAL = BreakerSettings()
HARD, LIMITED, CALLERS, FILTERED = (
    CLASSIFICATIONS[trigger] for trigger in ("timeout", "rate_limit", "invalid_request", "content_filter")
)
WORDS = {"h": HARD, "l": LIMITED, "c": CALLERS, "f": FILTERED}


class Still(Random):
    """No jitter."""

    def random(self) -> float:
        return 0.0


def played(script: str, now: float = 100.0, options: BreakerSettings = USUAL) -> Breaker:
    """s: a success; h l c f: a failure of that kind; b: a success that breaks off; a dot: a second passes."""
    breaker = Breaker(Still())
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
            breaker.record_failure(permit, WORDS.get(letter, HARD), now, options)
    return breaker


@pytest.mark.parametrize(
    ("script", "ejected"),
    [
        ("hhhh", False),
        ("hhhhh", True),
        ("hhhhshhhh", False),
        ("hhhhlh", True),  # a refusal for the rate neither adds to the run nor ends it
        ("hhhhch", True),
        ("hhhhfhhhh", False),
        ("lllllllll", False),
        ("l" * 20, True),
        ("c" * 40, False),
        ("hs" * 10, False),  # half is enough
        ("shh" * 6 + "s", False),  # 19 verdicts
        ("shh" * 6 + "sh", True),
        ("bbbb", False),
        ("bbbbb", True),  # its beginnings prove nothing against cuts
        ("bbbbsbbbb", False),
        ("bbs" * 6 + "b", False),
        ("bbs" * 6 + "bb", True),  # 20 attempts, of which 14 were cut
        ("shh" * 6 + "." * 66 + "sh", False),  # too long ago
    ],
)
def test_a_target_is_taken_out_for_a_run_or_for_a_ratio(script: str, ejected: bool) -> None:
    breaker = played(script)
    assert (breaker._ejections > 0) is ejected


def test_nothing_is_taken_out_where_breakers_are_off() -> None:
    assert played("h" * 50, options=BreakerSettings(enabled=False)).ejected_for_s(100) == 0


def test_other_numbers_hold_where_they_are_given() -> None:
    assert played("hh", options=BreakerSettings(failure_threshold=2, base_ejection_time=1)).ejected_for_s(100) == 1
    assert played("ss", options=BreakerSettings(min_requests=2, min_success_rate=1)).ejected_for_s(100) == 0
    assert played("sl", options=BreakerSettings(min_requests=2, min_success_rate=1)).ejected_for_s(100) == 5


def probe(breaker: Breaker, now: float) -> BreakerPermit:
    permit = breaker.admit(now)
    assert permit is not None and breaker.admit(now) is None
    return permit


def test_each_failed_probe_doubles_the_time_up_to_twenty_seconds() -> None:
    breaker, now, waits = played("hhhhh"), 100.0, []
    for _ in range(4):
        waits.append(breaker.ejected_for_s(now))
        assert breaker.admit(now + waits[-1] - 0.001) is None
        now += waits[-1]
        breaker.record_failure(probe(breaker, now), HARD, now, USUAL)
    assert waits == [5, 10, 20, 20]


@pytest.mark.parametrize("seed", range(20))
def test_jitter_only_shortens(seed: int) -> None:
    breaker = Breaker(Random(seed))
    for _ in range(5):
        breaker.record_failure(BreakerPermit(), HARD, 100, USUAL)
    assert 4 <= breaker.ejected_for_s(100) <= 5


@pytest.mark.parametrize(("verdict", "back"), [(HARD, False), (LIMITED, False), (FILTERED, True)])
def test_a_probe_decides(verdict: Classification, back: bool) -> None:
    breaker = played("hhhhh")
    breaker.record_failure(probe(breaker, 105), verdict, 105, USUAL)
    assert (breaker.ejected_for_s(105) == 0) is back


def test_a_probe_that_says_nothing_makes_room_for_the_next() -> None:
    breaker = played("hhhhh")
    breaker.record_failure(probe(breaker, 105), CALLERS, 105, USUAL)
    breaker.release(probe(breaker, 105))
    breaker.record_content(probe(breaker, 105), 105)
    assert breaker.admit(105) and breaker.admit(105)


def test_a_probe_never_heard_of_again_makes_room_after_its_lease() -> None:
    breaker = played("hhhhh")
    lost = probe(breaker, 105)
    late = probe(breaker, 105 + PROBE_LEASE_S)
    breaker.record_failure(lost, HARD, 106 + PROBE_LEASE_S, USUAL)
    assert breaker.ejected_for_s(106 + PROBE_LEASE_S) == 0
    breaker.record_content(late, 106 + PROBE_LEASE_S)
    assert not breaker._ejections


def test_verdicts_do_not_extend_an_ejection_and_successes_do_not_end_it() -> None:
    breaker = played("hhhhh")
    for _ in range(10):
        breaker.record_failure(BreakerPermit(), HARD, 102, USUAL)
    assert breaker.ejected_for_s(102) == 3
    breaker.record_content(BreakerPermit(), 102)
    assert breaker.ejected_for_s(102) == 3


def test_recovery_begins_anew() -> None:
    breaker = played("hhhhh")
    breaker.record_content(probe(breaker, 105), 105)
    for _ in range(4):
        breaker.record_failure(BreakerPermit(), HARD, 105, USUAL)
    assert (breaker.consecutive_failures, breaker.ejected_for_s(105)) == (4, 0)
    breaker.record_failure(BreakerPermit(), HARD, 105, USUAL)
    assert breaker.ejected_for_s(105) == 5


def test_recovery_forgets_the_ratio_too() -> None:
    breaker = played("l" * 20)
    breaker.record_content(probe(breaker, 105), 105)
    breaker.record_failure(BreakerPermit(), LIMITED, 105, USUAL)
    assert breaker.ejected_for_s(105) == 0


def test_only_the_probe_ends_the_probing() -> None:
    breaker = played("hhhhh")
    own = probe(breaker, 105)
    breaker.record_content(BreakerPermit(), 105)
    breaker.release(BreakerPermit())
    breaker.record_failure(BreakerPermit(), CALLERS, 105, USUAL)
    assert breaker.admit(105) is None
    breaker.release(own)
    assert breaker.admit(105)


def test_an_ejected_target_has_only_failed_until_an_attempt_or_a_probe_is_answered() -> None:
    assert not played("hhhh").only_failed
    breaker = played("hhhhh")
    breaker.record_failure(BreakerPermit(), LIMITED, 101, USUAL)
    breaker.record_probe_success(101)  # while it is ejected, that proves nothing
    assert breaker.only_failed
    for answered in (lambda: breaker.record_probe_success(105), lambda: breaker.record_content(BreakerPermit(), 105),
                     lambda: breaker.record_failure(BreakerPermit(), FILTERED, 105, USUAL)):  # fmt: skip
        answered()
        assert not breaker.only_failed
        breaker.record_failure(probe(breaker, 105), HARD, 105, USUAL)
        assert breaker.only_failed
        breaker._until = 105
    breaker.record_content(probe(breaker, 105), 105)
    assert not breaker.only_failed


def test_an_answer_that_is_cut_is_none() -> None:
    breaker, permit = played("hhhhh"), BreakerPermit()
    breaker.record_content(permit, 101)
    breaker.record_failure(permit, HARD, 102, USUAL)
    assert breaker.only_failed


class BreakerMachine(RuleBasedStateMachine):
    """Attempts overlap in all ways; time only goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(Random(7))
        self.now = 1000.0
        self.running: list[BreakerPermit] = []
        self.probes: list[BreakerPermit] = []

    @rule(seconds=st.one_of(st.floats(0, 1), st.floats(0, 30), st.floats(0, 400)))
    def time_passes(self, seconds: float) -> None:
        left = self.breaker.ejected_for_s(self.now)
        self.now += seconds
        assert self.breaker.ejected_for_s(self.now) <= max(0.0, left - seconds) + 1e-6
        self.probes = [] if seconds >= PROBE_LEASE_S else self.probes

    @rule()
    def an_attempt_asks(self) -> None:
        closed, shut = not self.breaker._ejections, self.breaker.ejected_for_s(self.now) > 0
        permit = self.breaker.admit(self.now)
        assert not (shut and permit)
        assert permit or not closed
        if permit:
            self.running.append(permit)
            if not closed:
                self.probes.append(permit)

    @rule()
    def an_attempt_insists(self) -> None:
        self.running.append(BreakerPermit())

    @precondition(lambda self: self.running)
    @rule(data=st.data(), what=st.sampled_from(["succeeds", "hard", "limited", "callers", "leaves"]))
    def one_ends(self, data: st.DataObject, what: str) -> None:
        permit = data.draw(st.sampled_from(self.running))
        if what == "succeeds" and permit.has_content:
            return
        ejected = self.breaker.ejected_for_s(self.now)
        self._end(permit, what)
        if ejected and permit not in self.probes:
            assert self.breaker.ejected_for_s(self.now) == ejected
        self.probes = [each for each in self.probes if each is not permit]

    def _end(self, permit: BreakerPermit, what: str) -> None:
        if what == "succeeds":
            self.breaker.record_content(permit, self.now)
            return
        self.running = [each for each in self.running if each is not permit]
        if what == "leaves":
            self.breaker.release(permit)
        else:
            verdict = {"hard": HARD, "limited": LIMITED, "callers": CALLERS}[what]
            self.breaker.record_failure(permit, verdict, self.now, USUAL)

    @rule()
    def it_is_never_taken_out_for_good(self) -> None:
        assert self.breaker.ejected_for_s(self.now) <= USUAL.max_ejection_time
        self.now += USUAL.max_ejection_time
        if self.breaker.admit(self.now) is None:
            assert self.breaker._probe is not None
            self.now += PROBE_LEASE_S
            assert self.breaker.admit(self.now)
        self.probes = []
        self.breaker.release(self.breaker._probe or BreakerPermit())

    @invariant()
    def one_probe_at_a_time(self) -> None:
        assert len(self.probes) <= 1

    @invariant()
    def the_closed_have_no_probe(self) -> None:
        assert self.breaker._ejections or self.breaker._probe is None


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=100, deadline=None)
