"""What starting an attempt takes, and when nothing can be started."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.attempts import outcomes
from proxy.attempts.events import Cancelled, ContentReceived
from proxy.attempts.planner import NO_CANDIDATES, Candidates
from proxy.config.schema import ProviderLimits
from proxy.resilience.breakers import BreakerOverride
from proxy.resilience.budgets import MIN_CONCURRENT_RETRIES
from proxy.routing.facts import Facts
from tests.attempts.fixtures import BREAKER, eject, fail, planned, provider, rules


def only(made, *names):
    """Return the candidates of these providers, which are not forced."""
    return Candidates([step for step in made.exchange.decision.plan if step.target.provider.name in names])


def exhaust_retries(made, name):
    """Let a target have failed just now, and take all of its retry slots."""
    eject(made.exchange, name)
    target = f"{name}@us/m-{name}"
    made.exchange.runtime.clock.now += 9  # the breaker has closed again, and the failure still counts
    for _ in range(MIN_CONCURRENT_RETRIES):
        assert made.exchange.runtime.retry_budget.try_acquire(target, 0, 0.0)


def test_an_attempt_is_recorded_when_it_starts():
    made = planned()
    made.exchange.runtime.clock.now = 107.0
    attempt = made.start_first()
    runtime, target = made.exchange.runtime, attempt.step.target
    assert made.exchange.attempts == [attempt] and attempt.started == 107.0
    assert runtime.observations.in_flight(target.id) == 1
    assert attempt.step not in made.planner.unused
    assert attempt.permit is not None and made.exchange.winning_attempt is None
    limited = {"a": replace(target.provider, limits=ProviderLimits(concurrency=1))}
    assert runtime.rate_limits.limited_for_ms(limited, 107.0)


@pytest.mark.parametrize(("stream", "samples"), [(True, 1), (False, 0)])
def test_only_streams_are_samples_of_the_time_to_first_token(stream, samples):
    made = planned()
    made.exchange.facts = Facts("chat", "m", stream=stream)
    attempt = made.start_first()
    outcomes.apply(attempt, ContentReceived(), BREAKER)
    window = made.exchange.runtime.observations.get(attempt.step.target.id).window
    assert window.sum_over(300.0, 100.0).ttft.samples == samples


def test_every_attempt_but_the_first_takes_a_slot_of_the_retry_budget():
    made = planned()
    first = made.start_first()
    second = made.start_elsewhere(fail(first)[1])
    budget = made.exchange.runtime.retry_budget
    assert (first.retry, second.retry) == (False, True)
    assert [budget.in_flight(each.step.target.id) for each in (first, second)] == [0, 1]


def test_a_target_without_a_free_retry_slot_is_skipped():
    made = planned()
    first = made.start_first()
    exhaust_retries(made, "b")
    made.exchange.attempts.append(first)
    assert provider(made.start_elsewhere(fail(first)[1])) == "c"


def test_without_any_retry_slot_nothing_starts_even_where_breakers_are_ignored():
    made = planned("ab")
    first = made.start_first()
    exhaust_retries(made, "b")
    made.exchange.attempts.append(first)
    started = list(made.exchange.runtime.observations)
    assert made.start_elsewhere(fail(first)[1]) is None
    assert list(made.exchange.runtime.observations) == started and made.exchange.attempts == [first]


def test_a_target_whose_breaker_is_open_keeps_no_retry_slot():
    made = planned()
    first = made.start_first()
    eject(made.exchange, "b")
    made.exchange.attempts.append(first)
    assert made.starter.start(only(made, "b")) is None
    assert made.exchange.runtime.retry_budget.in_flight("b@us/m-b") == 0


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


def test_a_hedge_holds_its_slot_until_it_ends():
    made = planned()
    made.start_first()
    hedge, budget = made.starter.start_hedge(), made.exchange.runtime.hedge_budget
    assert hedge.hedge and budget.in_flight == 1
    assert made.exchange.runtime.counters.hedges == {("b", "started"): 1}
    outcomes.apply(hedge, Cancelled(hedge_lost=True), BREAKER)
    assert budget.in_flight == 0


def test_without_a_target_for_it_a_hedge_takes_no_slot():
    made = planned("ab")
    eject(made.exchange, "b")
    made.start_first()
    assert made.starter.start_hedge() is None and made.exchange.runtime.hedge_budget.in_flight == 0


def test_a_hedge_that_cannot_start_gives_its_slot_back():
    made = planned("ab")
    first = made.start_first()
    exhaust_retries(made, "b")
    made.exchange.attempts.append(first)
    assert made.starter.start_hedge() is None
    assert made.exchange.runtime.hedge_budget.in_flight == 0 and not made.planner.has_hedged


@pytest.mark.parametrize("tokens", [0, 1])
def test_a_second_hedge_at_the_same_time_needs_a_token(tokens):
    made, other = planned(), planned()
    other.exchange.runtime = made.exchange.runtime
    for each in (made, other):
        each.start_first()
    made.starter.start_hedge()
    made.exchange.runtime.hedge_budget.deposit(tokens)
    assert (other.starter.start_hedge() is not None) is bool(tokens)
