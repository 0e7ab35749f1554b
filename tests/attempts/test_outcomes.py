"""Every ending is noted once, whatever is said after it."""

from __future__ import annotations

import pytest

from proxy.attempts import outcomes
from proxy.errors import EgressError, UpstreamDisconnected, UpstreamErrorResponse
from proxy.resilience.breaker import BreakerSettings
from tests.attempts.test_planner import fail, walk


def retried():
    """A second attempt, which holds a part of the retry budget."""
    walked = walk()
    return walked.start_elsewhere(fail(walked, walked.start_first())[1])


ENDINGS = {
    "ok": outcomes.record_finished,
    "upstream_disconnected": lambda attempt: outcomes.record_failure(
        attempt, UpstreamDisconnected("cut"), BreakerSettings()
    ),
    "egress_failed": lambda attempt: outcomes.record_failure(attempt, EgressError("no route"), BreakerSettings()),
    "cancelled": outcomes.record_cancelled,
    "hedge_lost": lambda attempt: outcomes.record_cancelled(attempt, hedge_lost=True),
}


@pytest.mark.parametrize("outcome", ENDINGS)
def test_an_ending_gives_everything_back_and_stands(outcome):
    attempt = retried()
    runtime, target = attempt.exchange.runtime, attempt.step.target.id
    assert runtime.retry_budget.in_flight(target) == 1
    ENDINGS[outcome](attempt)
    first = attempt.outcome
    for again in (ENDINGS["cancelled"], ENDINGS["upstream_disconnected"]):
        again(attempt)
    assert attempt.outcome == first and attempt.recorder.is_over
    assert not runtime.retry_budget.in_flight(target) and not runtime.observations.in_flight(target)


def test_what_could_not_be_asked_is_no_attempt():
    attempt = retried()
    outcomes.discard(attempt)
    assert attempt not in attempt.exchange.attempts and attempt.recorder.is_over


def test_content_counts_as_success_and_a_break_takes_it_back():
    attempt = retried()
    outcomes.record_started(attempt)
    breakers, target = attempt.exchange.runtime.breakers, attempt.step.target.id
    assert breakers.availability(target, 100.0).consecutive_failures == 0
    verdict = outcomes.record_failure(attempt, UpstreamDisconnected("cut"), BreakerSettings())
    assert not verdict.fails_over and breakers.availability(target, 100.0).consecutive_failures == 1


@pytest.mark.parametrize(
    ("trigger", "answers"),
    [("content_filter", [True]), ("server_error", [False]), ("rate_limit", []), ("invalid_request", [])],
)
def test_only_what_says_something_of_the_target_is_an_answer_of_it(trigger, answers):
    attempt = walk().start_first()
    outcomes.record_failure(attempt, UpstreamErrorResponse(500, {}, trigger=trigger), BreakerSettings())
    record = attempt.exchange.runtime.observations.get(attempt.step.target.id)
    assert [bool(each & 1) for each in record.answers.latest] == answers


def test_trouble_of_our_own_leaves_the_target_as_it_was():
    attempt = retried()
    runtime, target = attempt.exchange.runtime, attempt.step.target.id
    before = runtime.breakers.availability(target, 100.0)
    verdict = outcomes.record_failure(attempt, EgressError("no route"), BreakerSettings())
    record = runtime.observations.get(target)
    recent = record.window.sum_over(300.0, 100.0)
    assert verdict.fails_over and runtime.breakers.availability(target, 100.0) == before
    assert (recent.ok, recent.faults, recent.failed, record.failed_at) == (0, 0, {}, None)
    assert (attempt.outcome, attempt.status) == ("egress_failed", None)


@pytest.mark.parametrize("count", ["many", [], {}, -1, 10**400])
def test_what_is_no_count_keeps_nothing_from_being_given_back(count):
    attempt = retried()
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details")
    attempt.completion.usage = dict.fromkeys(names, count)
    outcomes.record_finished(attempt)
    runtime, target = attempt.exchange.runtime, attempt.step.target.id
    assert not runtime.retry_budget.in_flight(target) and not runtime.observations.in_flight(target)
