"""How many tokens an attempt is expected to take, and has taken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from proxy.attempts import outcomes
from proxy.attempts.capacity import MAX_LEARNED_TOKENS, find_shortage, needed_tokens, try_reserve, used_tokens
from proxy.attempts.events import Cancelled, ContentReceived
from proxy.config.schema import ProviderLimits
from proxy.config.snapshot import LimitGroup
from proxy.resilience.rate_limits import NOT_LIMITED, Shortage
from proxy.routing.facts import Facts
from proxy.telemetry.observations import AttemptUsage
from tests.attempts.fixtures import BREAKER, fail, planned


def limited(**limits):
    """Return the first step of a plan whose first target has these limits of its own, and its exchange."""
    made = planned()
    step = made.exchange.decision.plan[0]
    target = replace(step.target, limits=LimitGroup(step.target.id, ProviderLimits(**limits)))
    return made.exchange, structs.replace(step, target=target)


def answered(exchange, step, *lengths):
    for tokens in lengths:
        attempt = exchange.runtime.telemetry.observations.start_attempt(step.target.id, 100.0)
        attempt.record_finish(100.0, AttemptUsage(1, tokens))


@pytest.mark.parametrize(
    ("facts", "clamped", "answers", "tokens"),
    [
        (Facts(prompt_tokens=10), None, (), 10),
        (Facts(prompt_tokens=10), None, (100, 300), 210),
        (Facts(prompt_tokens=10), None, (50_000,), 10 + MAX_LEARNED_TOKENS),
        (Facts(prompt_tokens=10, max_tokens=7), None, (300,), 17),
        (Facts(prompt_tokens=10, max_tokens=7, n=3), None, (), 31),
        (Facts(prompt_tokens=10, max_tokens=70), 5, (300,), 15),
        (Facts(prompt_tokens=10, max_tokens=0), None, (300,), 10),
    ],
)
def test_an_attempt_needs_its_prompt_and_what_the_caller_allows_or_what_is_usual(facts, clamped, answers, tokens):
    exchange, step = limited()
    exchange.facts = facts
    answered(exchange, step, *answers)
    assert needed_tokens(exchange, structs.replace(step, max_tokens=clamped)) == tokens


def test_the_prompt_is_estimated_as_the_target_counts():
    exchange, step = limited()
    exchange.facts = Facts(prompt_tokens=100)
    attempt = exchange.runtime.telemetry.observations.start_attempt(step.target.id, 100.0)
    for _ in range(100):
        attempt.calibrate_tokens(100, 200)
    assert needed_tokens(exchange, step) == pytest.approx(200, abs=1)


def test_a_reservation_leaves_a_shortage_until_it_ends():
    exchange, step = limited(concurrency=1)
    assert find_shortage(exchange, step) is None
    held = try_reserve(exchange, step)
    assert try_reserve(exchange, step) == find_shortage(exchange, step) == Shortage(step.target.id, "concurrency", 1.0)
    held.end(0, 100.0)
    assert find_shortage(exchange, step) is None


def test_without_limits_nothing_is_reserved():
    exchange = planned().exchange
    step = exchange.decision.plan[0]
    assert try_reserve(exchange, step) is NOT_LIMITED and find_shortage(exchange, step) is None


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"total_tokens": 30, "prompt_tokens": 1}, 30),
        ({"prompt_tokens": 4, "completion_tokens": 5}, 9),
        ({"completion_tokens": 5}, 5),
        (None, 12),
    ],
)
def test_the_tokens_used_are_those_the_provider_counts_else_an_estimate(usage, tokens):
    made = planned()
    made.exchange.facts = Facts("chat", "m", stream=True, prompt_tokens=10)
    attempt = made.start_first()
    outcomes.apply(attempt, ContentReceived(), BREAKER)
    attempt.completion.usage, attempt.completion.length = usage, 8
    outcomes.apply(attempt, Cancelled(), BREAKER)
    assert used_tokens(attempt) == tokens


@pytest.mark.parametrize(("outcome", "tokens"), [("cancelled", 10), ("hedge_lost", 10), ("server_error", 0)])
def test_before_the_first_content_a_failure_has_used_nothing_and_an_abandoned_attempt_its_prompt(outcome, tokens):
    made = planned()
    made.exchange.facts = Facts("chat", "m", stream=True, prompt_tokens=10)
    attempt = made.start_first()
    if outcome == "server_error":
        fail(attempt)
    else:
        outcomes.apply(attempt, Cancelled(hedge_lost=outcome == "hedge_lost"), BREAKER)
    assert (attempt.outcome, used_tokens(attempt)) == (outcome, tokens)
