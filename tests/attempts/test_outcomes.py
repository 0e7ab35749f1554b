"""Every attempt ends once, gives back what it holds, and reports what the end says about its target."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.attempts import outcomes
from proxy.attempts.events import Cancelled, Completed, ContentReceived, Discarded, Failed
from proxy.config.schema import ProviderLimits
from proxy.config.snapshot import LimitGroup
from proxy.errors import EgressError, UpstreamDisconnected, UpstreamErrorResponse
from proxy.memory_account import UNLIMITED
from proxy.routing.facts import Facts
from proxy.upload import Upload
from tests.attempts.fixtures import BREAKER, Attempts, eject, fail, planned, provider

CUT = UpstreamDisconnected("cut")


def started():
    """A second attempt, which holds a slot of the retry budget, and a third one that is its hedge."""
    made = planned()
    attempt = made.start_elsewhere(fail(made.start_first())[1])
    return attempt, made.starter.start_hedge()


def apply(attempt, *events):
    for event in events:
        outcomes.apply(attempt, event, BREAKER)


ENDS = {
    "ok": Completed(),
    "upstream_disconnected": Failed(CUT),
    "egress_failed": Failed(EgressError("no route")),
    "cancelled": Cancelled(),
    "hedge_lost": Cancelled(hedge_lost=True),
    "sidecar_overloaded": Cancelled(outcome="sidecar_overloaded"),
}


@pytest.mark.parametrize("outcome", ENDS)
def test_an_end_sets_the_outcome_and_gives_everything_back(outcome):
    for attempt in started():
        runtime, target = attempt.exchange.runtime, attempt.step.target
        runtime.clock.now = 103.0
        apply(attempt, ENDS[outcome])
        assert (attempt.outcome, attempt.ended, attempt.recorder.is_over) == (outcome, 103.0, True)
        assert not runtime.telemetry.observations.in_flight(target.id)


@pytest.mark.parametrize("again", ENDS)
@pytest.mark.parametrize("outcome", ENDS)
def test_events_after_the_end_change_nothing(outcome, again):
    attempt, hedge = started()
    runtime = attempt.exchange.runtime
    apply(hedge, Cancelled())
    apply(attempt, ENDS[outcome])
    ended, record = attempt.ended, runtime.telemetry.observations.get(attempt.step.target.id)
    recent = record.window.sum_over(300.0, 100.0)
    runtime.clock.now = 105.0
    apply(attempt, ENDS[again], ContentReceived(), Discarded())
    assert (attempt.outcome, attempt.ended, attempt.first_content_at) == (outcome, ended, None)
    assert attempt.exchange.winning_attempt is None and attempt in attempt.exchange.attempts
    assert record.window.sum_over(300.0, 100.0) == recent


def test_the_first_content_makes_an_attempt_the_winner():
    attempt, hedge = started()
    exchange = attempt.exchange
    exchange.runtime.clock.now = 107.0
    apply(hedge, ContentReceived())
    assert exchange.winning_attempt is hedge and hedge.first_content_at == exchange.first_content_at == 107.0
    exchange.runtime.clock.now = 109.0  # it breaks, and the other continues it
    apply(hedge, Failed(CUT))
    apply(attempt, ContentReceived())
    assert exchange.winning_attempt is attempt
    assert (attempt.first_content_at, exchange.first_content_at) == (109.0, 107.0)


def test_an_attempt_that_sent_nothing_is_removed():
    attempt, _ = started()
    apply(attempt, Discarded())
    assert attempt not in attempt.exchange.attempts and attempt.recorder.is_over


def test_content_counts_as_success_and_a_later_break_as_failure_that_does_not_fail_over():
    first = planned().start_first()
    apply(first, Failed(CUT))
    attempt = Attempts(first.exchange).start_first()
    breakers, target = attempt.exchange.runtime.resilience.breakers, attempt.step.target.id
    assert breakers.availability(target, 100.0).consecutive_failures == 1
    apply(attempt, ContentReceived())
    assert breakers.availability(target, 100.0).consecutive_failures == 0
    assert not outcomes.classify_failure(attempt, CUT).fails_over
    apply(attempt, Failed(CUT))
    assert breakers.availability(target, 100.0).consecutive_failures == 1


@pytest.mark.parametrize("end", [Cancelled(), Cancelled(hedge_lost=True), Failed(EgressError("no route")), Discarded()])
def test_an_end_without_evidence_gives_the_breakers_trial_back(end):
    made = planned()
    eject(made.exchange, "a")
    made.exchange.runtime.clock.now += 10  # half-open: one trial attempt at a time
    trial = made.start_first()
    assert provider(trial) == "a" and provider(Attempts(made.exchange).start_first()) == "b"
    apply(trial, end)
    assert provider(Attempts(made.exchange).start_first()) == "a"


def test_a_complete_answer_ends_a_series_of_truncations():
    made = planned()
    step = made.exchange.decision.plan[0]
    for _ in range(2):
        apply(made.start_first(), ContentReceived(), Failed(CUT))
        made = Attempts(made.exchange)
    breaker = made.exchange.runtime.resilience.breakers._targets.get(step.target.id).breaker
    assert breaker.consecutive_truncations == 2
    apply(made.start_first(), ContentReceived(), Completed())
    assert breaker.consecutive_truncations == 0


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_an_end_gives_back_the_accounts_concurrency_and_counts_its_tokens(end):
    attempt, _ = started()
    attempt.completion.usage = {"total_tokens": 30}
    limits = attempt.exchange.runtime.resilience.rate_limits
    groups = [LimitGroup("b", ProviderLimits(concurrency=1, tokens_per_minute=100))]
    attempt.reservation = limits.reserve(groups, 100, 100.0)
    assert limits.shortage(groups, 1, 100.0)
    apply(attempt, end)
    assert not limits.shortage(groups, 70, 100.0) and limits.shortage(groups, 71, 100.0)


def test_an_attempt_that_sent_nothing_is_not_counted():
    attempt, _ = started()
    limits, groups = (
        attempt.exchange.runtime.resilience.rate_limits,
        [LimitGroup("b", ProviderLimits(requests_per_minute=1))],
    )
    attempt.reservation = limits.reserve(groups, 0, 100.0)
    apply(attempt, Discarded())
    assert not limits.shortage(groups, 0, 100.0)


@pytest.mark.parametrize(
    ("trigger", "answers"),
    [("content_filter", [True]), ("server_error", [False]), ("rate_limit", []), ("invalid_request", [])],
)
def test_only_failures_that_say_something_about_the_target_count_in_its_uptime(trigger, answers):
    attempt = planned().start_first()
    apply(attempt, Failed(UpstreamErrorResponse(500, {}, trigger=trigger)))
    record = attempt.exchange.runtime.telemetry.observations.get(attempt.step.target.id)
    assert [bool(each & 1) for each in record.answers.latest] == answers


def test_a_failure_has_the_status_of_the_providers_response():
    attempt = planned().start_first()
    apply(attempt, Failed(UpstreamErrorResponse(529, {}, trigger="model_overloaded")))
    assert (attempt.outcome, attempt.status) == ("model_overloaded", 529)
    assert attempt.exchange.runtime.telemetry.feed.wakeup.is_set()


def test_a_local_failure_leaves_the_target_as_it_was():
    attempt, _ = started()
    runtime, target = attempt.exchange.runtime, attempt.step.target.id
    before = runtime.resilience.breakers.availability(target, 100.0)
    failure = EgressError("no route")
    assert outcomes.classify_failure(attempt, failure).fails_over
    apply(attempt, Failed(failure))
    record = runtime.telemetry.observations.get(target)
    recent = record.window.sum_over(300.0, 100.0)
    assert runtime.resilience.breakers.availability(target, 100.0) == before
    assert (recent.ok, recent.faults, recent.failed, record.failed_at) == (0, 0, {}, None)
    assert (attempt.outcome, attempt.status) == ("egress_failed", None)


@pytest.mark.parametrize(("trigger", "calls"), [("auth_error", 1), ("server_error", 0)])
def test_a_rejected_key_is_reported(trigger, calls):
    attempt, reports = planned().start_first(), []
    exchange = attempt.exchange
    exchange.runtime = replace(exchange.runtime, on_auth_failure=lambda: reports.append(1))
    apply(attempt, Failed(UpstreamErrorResponse(401, {}, trigger=trigger)))
    assert len(reports) == calls


def test_a_complete_answer_records_its_tokens_and_cost():
    attempt = planned().start_first()
    attempt.completion.usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    apply(attempt, ContentReceived(), Completed())
    recent = attempt.exchange.runtime.telemetry.observations.get(attempt.step.target.id).window.sum_over(300.0, 100.0)
    assert (recent.ok, recent.tokens_in, recent.tokens_out) == (1, 3, 5)


def test_a_complete_answer_calibrates_the_estimate_of_prompt_tokens():
    attempt = planned().start_first()
    attempt.exchange.facts = Facts("chat", "m", stream=True, prompt_tokens=100)
    attempt.completion.usage = {"prompt_tokens": 200, "completion_tokens": 5}
    apply(attempt, Completed())
    assert attempt.exchange.runtime.telemetry.observations.get(attempt.step.target.id).token_ratio > 1


@pytest.mark.parametrize("count", ["many", [], {}, -1, 10**400])
def test_an_invalid_token_count_does_not_keep_an_attempt_from_ending(count):
    attempt, _ = started()
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details")
    attempt.completion.usage = dict.fromkeys(names, count)
    apply(attempt, Completed())
    runtime, target = attempt.exchange.runtime, attempt.step.target.id
    assert not runtime.telemetry.observations.in_flight(target)


def test_the_time_in_which_the_caller_sends_its_form_is_not_the_targets():
    made = planned()
    attempt = made.start_first()
    runtime = attempt.exchange.runtime
    attempt.exchange.upload = Upload(UNLIMITED, lambda: None)
    attempt.exchange.upload.end(now=160.0)
    runtime.clock.now = 162.0
    apply(attempt, ContentReceived(), Completed())
    record = runtime.telemetry.observations.get(attempt.step.target.id)
    assert record.window.sum_over(300.0, 162.0).latency.percentile(50) == pytest.approx(2.0, rel=0.1)
