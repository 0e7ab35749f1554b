"""Settles attempts: sets their outcome and the winner, and reports to telemetry, breakers and limits.

No other module does. An attempt ends once. Events after its end change nothing.
"""

from __future__ import annotations

from proxy.attempts.capacity import used_tokens
from proxy.attempts.events import AttemptEvent, Cancelled, Completed, ContentReceived, Discarded, Failed
from proxy.attempts.spending import attempt_cost_usd
from proxy.errors import UpstreamError, UpstreamErrorResponse
from proxy.exchange import Attempt
from proxy.resilience.breaker import BreakerSettings
from proxy.resilience.classification import Classification, classify
from proxy.resilience.key_pools import KEY_FAILURES
from proxy.resilience.rate_limits import NOT_LIMITED
from proxy.resilience.refusal_memory import RefusedMember
from proxy.telemetry.observations import AttemptUsage


def apply(attempt: Attempt, event: AttemptEvent, breaker: BreakerSettings) -> None:
    """Record an event of an attempt. `breaker` holds the settings by which failures count."""
    if attempt.recorder.is_over:
        return
    match event:
        case ContentReceived():
            _record_content(attempt)
        case Completed():
            _record_completion(attempt)
        case Failed(failure):
            _record_failure(attempt, failure, breaker)
        case Cancelled(hedge_lost, outcome):
            _record_cancel(attempt, hedge_lost=hedge_lost, outcome="hedge_lost" if hedge_lost else outcome)
        case Discarded():
            _cancel_reservation(attempt)
            _record_cancel(attempt, hedge_lost=False, outcome="cancelled")
            attempt.exchange.attempts.remove(attempt)


def classify_failure(attempt: Attempt, failure: UpstreamError) -> Classification:
    """Return what a failure of this attempt means. A failure after the first content never fails over."""
    after_content = attempt.first_content_at is not None
    return classify(failure, after_content=after_content, wall=attempt.exchange.runtime.wall())


def _record_content(attempt: Attempt) -> None:
    now = attempt.exchange.runtime.clock()
    if attempt.permit is not None:
        attempt.permit.record_content(now)
    if (key := attempt.reservation.key) is not None:
        attempt.exchange.runtime.resilience.key_pools.record_success(attempt.step.target.provider.name, key)
    exchange = attempt.exchange
    if (
        exchange.upload is not None and exchange.upload.ended_at is not None
    ):  # before, the provider waits for the caller
        attempt.recorder.started_at = max(attempt.recorder.started_at, exchange.upload.ended_at)
    attempt.recorder.record_content(now)
    attempt.first_content_at = now
    exchange.winning_attempt = attempt
    if exchange.first_content_at is None:
        exchange.first_content_at = now


def _record_completion(attempt: Attempt) -> None:
    now, completion = attempt.exchange.runtime.clock(), attempt.completion
    attempt.outcome, attempt.ended = "ok", now
    if attempt.permit is not None:
        attempt.permit.record_finish(now)
    tokens = completion.token_count
    prompt, answer = tokens("prompt_tokens") or 0, tokens("completion_tokens") or 0
    attempt.recorder.calibrate_tokens(attempt.exchange.facts.prompt_tokens, prompt)
    attempt.recorder.record_finish(now, AttemptUsage(prompt, answer, attempt.cost() or 0.0))
    if attempt.reservation is not NOT_LIMITED:
        _release(attempt, now)


def _record_failure(attempt: Attempt, failure: UpstreamError, breaker: BreakerSettings) -> None:
    if failure.is_local:
        _record_cancel(attempt, hedge_lost=False, outcome=failure.outcome)
        return
    runtime = attempt.exchange.runtime
    now = runtime.clock()
    classification = classify_failure(attempt, failure)
    attempt.outcome, attempt.status, attempt.ended = failure.outcome, failure.upstream_status, now
    is_of_key = attempt.key is not None and failure.trigger in KEY_FAILURES
    if is_of_key:
        _record_key_failure(attempt, failure, classification)
    elif attempt.permit is not None:
        attempt.permit.record_failure(classification, now, breaker)
    good = classification.counts_as == "success"
    fault = classification.fault and not is_of_key
    attempt.recorder.record_failure(failure.trigger, now, fault=fault, good=good)
    _record_refused_member(attempt, failure, now)
    if attempt.first_content_at is not None and attempt.cost() is None and attempt.step.target.price is not None:
        attempt.usd = attempt_cost_usd(attempt)  # an estimate, as its provider cannot report usage any more
    runtime.telemetry.feed.wakeup.set()
    if failure.trigger == "auth_error":
        runtime.on_auth_failure()
    _release(attempt, now)


def _record_refused_member(attempt: Attempt, failure: UpstreamError, now: float) -> None:
    """Remember what the target refuses of every request, unless a reload has replaced its account since."""
    refused = failure.refused_member if isinstance(failure, UpstreamErrorResponse) else None
    runtime, target = attempt.exchange.runtime, attempt.step.target
    if refused is not None and not runtime.resilience.accounts.is_outdated(target):
        runtime.resilience.refused_members.record(target.id, RefusedMember(*refused), now)


def _record_key_failure(attempt: Attempt, failure: UpstreamError, classification: Classification) -> None:
    """Count a failure against the key of the pool. It says nothing about the target."""
    runtime, key, provider = attempt.exchange.runtime, attempt.reservation.key, attempt.step.target.provider.name
    if attempt.permit is not None:
        attempt.permit.release()
    if key is None:  # a reload has changed the address since, where the key has a clean record
        return
    pools, now = runtime.resilience.key_pools, runtime.clock()
    record = pools.record_rate_limit if failure.trigger == "rate_limit" else pools.record_refusal
    before_s = pools.cooling_for_s(provider, key, now)
    record(provider, key, classification, now)
    if not before_s and (cooling_s := pools.cooling_for_s(provider, key, now)):
        fields = {"key": key.label, "reason": failure.trigger, "seconds": round(cooling_s, 1)}
        runtime.log.warning("provider_key_cooling_down", provider=provider, **fields)


def _record_cancel(attempt: Attempt, *, hedge_lost: bool, outcome: str) -> None:
    attempt.ended = now = attempt.exchange.runtime.clock()
    attempt.outcome = outcome
    if attempt.permit is not None:
        attempt.permit.release()
    attempt.recorder.record_cancel(now, hedge_lost=hedge_lost)
    _release(attempt, now)


def _cancel_reservation(attempt: Attempt) -> None:
    """Give back what an attempt has taken of the configured limits, because nothing was sent."""
    attempt.reservation.cancel(attempt.exchange.runtime.clock())
    attempt.reservation = NOT_LIMITED


def _release(attempt: Attempt, now: float) -> None:
    """Give back what the attempt holds of the configured limits."""
    if attempt.reservation is not NOT_LIMITED:
        attempt.reservation.end(used_tokens(attempt), now)
