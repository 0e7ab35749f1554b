"""What is noted when an attempt begins to answer, and when it ends: observations, breaker, budget."""

from __future__ import annotations

from proxy.errors import UpstreamFailure
from proxy.exchange import Attempt
from proxy.resilience.breaker import CircuitBreaker
from proxy.resilience.verdict import Verdict, judge
from proxy.telemetry.observations import Spent


def began(attempt: Attempt) -> None:
    """The first content is in hand."""
    now = attempt.exchange.services.clock()
    if attempt.leave is not None:
        attempt.leave.succeeded(now)
    attempt.flight.succeeded(now)
    attempt.content = now


def failed(attempt: Attempt, failure: UpstreamFailure, breaker: CircuitBreaker) -> Verdict:
    """It failed, before or after its first content; the answer is what that means."""
    services = attempt.exchange.services
    now = services.clock()
    verdict = judge(failure, after_content=attempt.content is not None, wall=services.wall())
    if attempt.flight.over:
        return verdict
    attempt.outcome, attempt.status, attempt.ended = failure.outcome, failure.upstream_status, now
    if failure.is_local:
        abandoned(attempt)  # it says nothing of the target
        return verdict
    if attempt.leave is not None:
        attempt.leave.failed(verdict, now, breaker)
    attempt.flight.failed(failure.trigger, now, fault=verdict.fault, good=verdict.ratio == "success")
    services.feed.stirred.set()
    if failure.trigger == "auth_error":
        services.suspect()
    _give_back(attempt)
    return verdict


def finished(attempt: Attempt) -> None:
    """The answer came to its proper end."""
    now, answer = attempt.exchange.services.clock(), attempt.answer
    attempt.outcome, attempt.ended = "ok", now
    if attempt.leave is not None:
        attempt.leave.finished(now)
    prompt, completion = answer.tokens("prompt_tokens") or 0, answer.tokens("completion_tokens") or 0
    attempt.flight.counted(attempt.exchange.facts.prompt_tokens, prompt)
    attempt.flight.finished(now, Spent(prompt, completion, attempt.cost() or 0.0))
    _give_back(attempt)


def abandoned(attempt: Attempt, *, outrun: bool = False) -> None:
    """The caller left, or another was faster: it says nothing of the target; and nothing at all once it is over."""
    if attempt.flight.over:
        return
    attempt.ended = attempt.exchange.services.clock()
    attempt.outcome = attempt.outcome or ("outrun" if outrun else "abandoned")
    if attempt.leave is not None:
        attempt.leave.released()
    attempt.flight.abandoned(attempt.ended, outrun=outrun)
    _give_back(attempt)


def withdrawn(attempt: Attempt) -> None:
    """It could not even be asked: it was no attempt."""
    abandoned(attempt)
    attempt.exchange.attempts.remove(attempt)


def _give_back(attempt: Attempt) -> None:
    """Every ending passes here, once: the account's use and the retry budget are as they were."""
    if attempt.ended_use:
        return
    attempt.ended_use = True
    services = attempt.exchange.services
    tokens = attempt.answer.tokens("total_tokens") or 0
    services.usage.ended(attempt.step.target.provider.name, tokens, services.clock())
    if attempt.retry:
        attempt.retry = False
        services.retries.give_back(attempt.step.target.id)
    if attempt.hedge:
        attempt.hedge = False
        services.hedges.give_back()
