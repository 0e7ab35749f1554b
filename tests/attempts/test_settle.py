"""Every ending is noted once, whatever is said after it."""

from __future__ import annotations

import pytest

from proxy.attempts import settle
from proxy.errors import Disconnected, EgressError, Refused
from proxy.resilience.breaker import CircuitBreaker
from tests.attempts.test_walk import fail, walk


def retried():
    """A second attempt, which holds a part of the retry budget."""
    walked = walk()
    return walked.elsewhere(fail(walked, walked.first())[1])


ENDINGS = {
    "ok": settle.finished,
    "upstream_disconnected": lambda attempt: settle.failed(attempt, Disconnected("cut"), CircuitBreaker()),
    "egress_failed": lambda attempt: settle.failed(attempt, EgressError("no route"), CircuitBreaker()),
    "abandoned": settle.abandoned,
    "outrun": lambda attempt: settle.abandoned(attempt, outrun=True),
}


@pytest.mark.parametrize("outcome", ENDINGS)
def test_an_ending_gives_everything_back_and_stands(outcome):
    attempt = retried()
    services, target = attempt.exchange.services, attempt.step.target.id
    assert services.retries.in_flight(target) == 1
    ENDINGS[outcome](attempt)
    first = attempt.outcome
    for again in (ENDINGS["abandoned"], ENDINGS["upstream_disconnected"]):
        again(attempt)
    assert attempt.outcome == first and attempt.flight.over
    assert not services.retries.in_flight(target) and not services.observations.in_flight(target)


def test_what_could_not_be_asked_is_no_attempt():
    attempt = retried()
    settle.withdrawn(attempt)
    assert attempt not in attempt.exchange.attempts and attempt.flight.over


def test_content_counts_as_success_and_a_break_takes_it_back():
    attempt = retried()
    settle.began(attempt)
    breakers, target = attempt.exchange.services.breakers, attempt.step.target.id
    assert breakers.standing(target, 100.0).failures == 0
    verdict = settle.failed(attempt, Disconnected("cut"), CircuitBreaker())
    assert not verdict.moves_on and breakers.standing(target, 100.0).failures == 1


@pytest.mark.parametrize(
    ("trigger", "answers"),
    [("content_filter", [True]), ("server_error", [False]), ("rate_limit", []), ("invalid_request", [])],
)
def test_only_what_says_something_of_the_target_is_an_answer_of_it(trigger, answers):
    attempt = walk().first()
    settle.failed(attempt, Refused(500, {}, trigger=trigger), CircuitBreaker())
    record = attempt.exchange.services.observations.of(attempt.step.target.id)
    assert [bool(each & 1) for each in record.answers.latest] == answers


def test_trouble_of_our_own_leaves_the_target_as_it_was():
    attempt = retried()
    services, target = attempt.exchange.services, attempt.step.target.id
    before = services.breakers.standing(target, 100.0)
    verdict = settle.failed(attempt, EgressError("no route"), CircuitBreaker())
    record = services.observations.of(target)
    recent = record.window.over(300.0, 100.0)
    assert verdict.moves_on and services.breakers.standing(target, 100.0) == before
    assert (recent.ok, recent.faults, recent.failed, record.failed_at) == (0, 0, {}, None)
    assert (attempt.outcome, attempt.status) == ("egress_failed", None)


@pytest.mark.parametrize("count", ["many", [], {}, -1, 10**400])
def test_what_is_no_count_keeps_nothing_from_being_given_back(count):
    attempt = retried()
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details")
    attempt.answer.usage = dict.fromkeys(names, count)
    settle.finished(attempt)
    services, target = attempt.exchange.services, attempt.step.target.id
    assert not services.retries.in_flight(target) and not services.observations.in_flight(target)
