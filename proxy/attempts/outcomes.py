"""What is noted when an attempt begins to answer, and when it ends: observations, breaker, budget."""

from __future__ import annotations

from proxy.errors import UpstreamError
from proxy.exchange import Attempt
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.classification import Classification, classify
from proxy.telemetry.observations import AttemptUsage


def record_started(attempt: Attempt) -> None:
    """The first content is in hand."""
    now = attempt.exchange.runtime.clock()
    if attempt.permit is not None:
        attempt.permit.record_content(now)
    attempt.recorder.record_content(now)
    attempt.first_content_at = now


def record_failure(attempt: Attempt, failure: UpstreamError, breaker: BreakerSettings) -> Classification:
    """It failed, before or after its first content; the answer is what that means."""
    runtime = attempt.exchange.runtime
    now = runtime.clock()
    verdict = classify(failure, after_content=attempt.first_content_at is not None, wall=runtime.wall())
    if attempt.recorder.is_over:
        return verdict
    attempt.outcome, attempt.status, attempt.ended = failure.outcome, failure.upstream_status, now
    if failure.is_local:
        record_cancelled(attempt)  # it says nothing of the target
        return verdict
    if attempt.permit is not None:
        attempt.permit.record_failure(verdict, now, breaker)
    attempt.recorder.record_failure(failure.trigger, now, fault=verdict.fault, good=verdict.counts_as == "success")
    runtime.feed.wakeup.set()
    if failure.trigger == "auth_error":
        runtime.on_auth_failure()
    _release(attempt)
    return verdict


def record_finished(attempt: Attempt) -> None:
    """The answer came to its proper end."""
    now, answer = attempt.exchange.runtime.clock(), attempt.completion
    attempt.outcome, attempt.ended = "ok", now
    if attempt.permit is not None:
        attempt.permit.record_finish(now)
    prompt, completion = answer.token_count("prompt_tokens") or 0, answer.token_count("completion_tokens") or 0
    attempt.recorder.calibrate_tokens(attempt.exchange.facts.prompt_tokens, prompt)
    attempt.recorder.record_finish(now, AttemptUsage(prompt, completion, attempt.cost() or 0.0))
    _release(attempt)


def record_cancelled(attempt: Attempt, *, hedge_lost: bool = False) -> None:
    """The caller left, or another was faster: it says nothing of the target; and nothing at all once it is over."""
    if attempt.recorder.is_over:
        return
    attempt.ended = attempt.exchange.runtime.clock()
    attempt.outcome = attempt.outcome or ("hedge_lost" if hedge_lost else "cancelled")
    if attempt.permit is not None:
        attempt.permit.release()
    attempt.recorder.record_cancel(attempt.ended, hedge_lost=hedge_lost)
    _release(attempt)


def discard(attempt: Attempt) -> None:
    """It could not even be asked: it was no attempt."""
    record_cancelled(attempt)
    attempt.exchange.attempts.remove(attempt)


def _release(attempt: Attempt) -> None:
    """Every ending passes here, once: the account's use and the retry budget are as they were."""
    if attempt.usage_released:
        return
    attempt.usage_released = True
    runtime = attempt.exchange.runtime
    tokens = attempt.completion.token_count("total_tokens") or 0
    runtime.rate_limits.end_attempt(attempt.step.target.provider.name, tokens, runtime.clock())
    if attempt.retry:
        attempt.retry = False
        runtime.retry_budget.release(attempt.step.target.id)
    if attempt.hedge:
        attempt.hedge = False
        runtime.hedge_budget.release()
