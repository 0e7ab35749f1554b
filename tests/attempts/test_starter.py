"""What starting an attempt takes, and when nothing can be started."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from proxy.attempts import outcomes
from proxy.attempts.events import Cancelled, ContentReceived
from proxy.attempts.planner import NO_CANDIDATES, Candidates
from proxy.config.schema import ProviderLimits
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.breakers import BreakerOverride
from proxy.resilience.budgets import MIN_RETRIES
from proxy.resilience.rate_limits import NOT_LIMITED, Shortage
from proxy.routing.facts import Facts
from tests.attempts.fixtures import BREAKER, Attempts, eject, fail, planned, provider, rules


def only(made, *names):
    """Return the candidates of these providers, which are not forced."""
    return Candidates([step for step in made.exchange.decision.plan if step.target.provider.name in names])


def exhaust_retries(made, name):
    """Let a target have failed just now, and take all of its retry tokens."""
    eject(made.exchange, name)
    target = f"{name}@us/m-{name}"
    made.exchange.runtime.clock.now += 9  # the breaker has closed again, and the failure still counts
    for _ in range(MIN_RETRIES):
        assert made.exchange.runtime.resilience.retry_budget.try_acquire(target, 0, 0.0, 109.0)


def test_an_attempt_is_recorded_when_it_starts():
    made = planned()
    made.exchange.runtime.clock.now = 107.0
    attempt = made.start_first()
    runtime, target = made.exchange.runtime, attempt.step.target
    assert made.exchange.attempts == [attempt] and attempt.started == 107.0
    assert runtime.telemetry.observations.in_flight(target.id) == 1
    assert attempt.step not in made.planner.unused
    assert attempt.permit is not None and made.exchange.winning_attempt is None
    assert attempt.reservation is NOT_LIMITED


def limited(made, **limits):
    """Give provider names these limits, such as a={"concurrency": 1}."""
    steps = []
    for step in made.exchange.decision.plan:
        own = limits.get(step.target.provider.name)
        provider = replace(step.target.provider, limits=ProviderLimits(**own)) if own else step.target.provider
        steps.append(structs.replace(step, target=replace(step.target, provider=provider)))
    made.exchange.decision = structs.replace(made.exchange.decision, plan=tuple(steps))
    return Attempts(made.exchange)


def test_a_target_without_room_is_skipped_and_holds_nothing():
    made = limited(planned(), a={"concurrency": 1})
    first = made.start_first()
    other = limited(planned(), a={"concurrency": 1})
    other.exchange.runtime = made.exchange.runtime
    assert (provider(first), provider(other.start_first())) == ("a", "b")
    assert other.starter.shortages == {"a@us/m-a": Shortage("a", "concurrency", 1.0)}
    outcomes.apply(first, Cancelled(), BREAKER)
    assert provider(other.start_again(first.step)) == "a" and other.starter.shortages == {}


def test_nothing_starts_where_every_target_is_at_its_limit_even_if_breakers_are_ignored():
    made = limited(planned("ab"), a={"requests_per_minute": 1}, b={"concurrency": 1})
    for _ in range(2):
        assert Attempts(made.exchange).starter.start(made.planner.first()) is not None
    made.exchange.attempts.clear()
    assert made.starter.start(made.planner.first()) is None
    assert set(made.starter.shortages) == {"a@us/m-a", "b@us/m-b"} and made.exchange.attempts == []


def test_without_room_neither_a_retry_slot_nor_the_trial_of_a_breaker_is_kept():
    made = limited(planned("ab"), b={"requests_per_minute": 1})
    eject(made.exchange, "b")  # takes the one request of this minute
    first = made.start_first()
    made.exchange.runtime.clock.now += 20
    assert made.start_elsewhere(fail(first)[1]) is None
    assert not made.exchange.runtime.resilience.retry_budget._taken_at.get("b@us/m-b")
    made.exchange.runtime.clock.now += 50
    assert provider(made.starter.start(only(made, "b"))) == "b"


def test_a_hedge_takes_no_slot_where_no_other_target_has_room():
    made = limited(planned("ab"), b={"concurrency": 1})
    assert provider(Attempts(made.exchange).starter.start(only(made, "b"))) == "b"
    made.exchange.attempts.clear()
    made.start_first()
    before = made.exchange.runtime.resilience.hedge_budget.balance
    assert made.starter.start_hedge() is None and made.exchange.runtime.resilience.hedge_budget.balance == before


@pytest.mark.parametrize(("stream", "samples"), [(True, 1), (False, 0)])
def test_only_streams_are_samples_of_the_time_to_first_token(stream, samples):
    made = planned()
    made.exchange.facts = Facts("chat", "m", stream=stream)
    attempt = made.start_first()
    outcomes.apply(attempt, ContentReceived(), BREAKER)
    window = made.exchange.runtime.telemetry.observations.get(attempt.step.target.id).window
    assert window.sum_over(300.0, 100.0).ttft.samples == samples


def test_a_failing_target_takes_three_retries_and_any_number_of_first_attempts():
    made = [planned("a") for _ in range(6)]
    for each in made:
        each.exchange.runtime = made[0].exchange.runtime
    steps = [fail(each.start_first(), breaker=BreakerSettings(enabled=False))[1].failed for each in made]
    assert [each.start_again(step) is not None for each, step in zip(made, steps, strict=True)] == [True] * 3 + [
        False
    ] * 3


def test_a_target_without_a_retry_token_is_skipped():
    made = planned()
    first = made.start_first()
    exhaust_retries(made, "b")
    made.exchange.attempts.append(first)
    assert provider(made.start_elsewhere(fail(first)[1])) == "c"


def test_without_any_retry_token_nothing_starts_even_where_breakers_are_ignored():
    made = planned("ab")
    first = made.start_first()
    exhaust_retries(made, "b")
    made.exchange.attempts.append(first)
    started = list(made.exchange.runtime.telemetry.observations)
    assert made.start_elsewhere(fail(first)[1]) is None
    assert list(made.exchange.runtime.telemetry.observations) == started and made.exchange.attempts == [first]


def test_a_target_whose_breaker_is_open_keeps_no_retry_token():
    made = planned()
    first = made.start_first()
    eject(made.exchange, "b")
    made.exchange.attempts.append(first)
    assert [made.starter.start(only(made, "b")) for _ in range(9)] == [None] * 9
    made.exchange.runtime.clock.now += 6  # the breaker is half-open, and the failure still counts
    assert provider(made.starter.start(only(made, "b"))) == "b"


def test_a_forced_candidate_starts_whatever_its_breaker_says():
    made = planned()
    eject(made.exchange, "a", "b")
    steps = only(made, "b").admitted
    assert provider(made.starter.start(Candidates(steps, steps))) == "b"


def test_a_requests_own_breaker_needs_no_permit_of_the_shared_one():
    made = planned(policy=rules(("b", "any"), breaker=BreakerOverride(failure_threshold=2)))
    eject(made.exchange, "b")
    assert provider(made.starter.start(only(made, "b"))) == "b"


def test_without_candidates_nothing_starts():
    made = planned()
    assert made.starter.start(NO_CANDIDATES) is None and made.exchange.attempts == []


def test_a_hedge_takes_a_token():
    made = planned()
    made.start_first()
    assert made.starter.start_hedge().hedge and made.exchange.runtime.resilience.hedge_budget.balance == 4
    assert made.exchange.runtime.telemetry.counters.hedges == {("b", "started"): 1}


def test_without_a_token_there_is_no_hedge_but_a_free_one():
    made = planned()
    made.start_first()
    while made.exchange.runtime.resilience.hedge_budget.try_acquire(100.0):
        pass
    assert made.starter.start_hedge() is None
    assert made.starter.start_hedge(is_free=True).hedge


def test_without_a_target_for_it_a_hedge_takes_no_token():
    made = planned("ab")
    eject(made.exchange, "b")
    made.start_first()
    assert made.starter.start_hedge() is None and made.exchange.runtime.resilience.hedge_budget.balance == 5


def test_a_hedge_that_cannot_start_gives_its_token_back():
    made = planned("ab")
    first = made.start_first()
    exhaust_retries(made, "b")
    made.exchange.attempts.append(first)
    assert made.starter.start_hedge() is None
    assert made.exchange.runtime.resilience.hedge_budget.balance == 5 and not made.planner.has_hedged
