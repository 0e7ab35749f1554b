"""Walks the plan until one target answers; an answer in hand means its first content is."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from proxy.attempts import outcomes
from proxy.attempts.hedging import AllAttemptsFailedError, AttemptResponse, HedgedCall
from proxy.attempts.planner import AttemptPlanner, FailureCause
from proxy.attempts.settings import FailoverOptions
from proxy.attempts.stream_resume import ResumableStream
from proxy.errors import AllProvidersFailedError, EgressError, InvalidRequestError, UpstreamError
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Response
from proxy.retry_after import parse_retry_after
from proxy.telemetry.activity import FailoverRecord


@dataclass(frozen=True, slots=True)
class Failover(FailoverOptions):
    """Tries again, and elsewhere, when that may help; goes on elsewhere with an answer that was cut."""

    async def __call__(self, exchange: Exchange, handler: Handler[Attempt]) -> Response:
        exchange.runtime.hedge_budget.deposit(self.hedge.budget)
        exchange.on_close(_note)
        walk = AttemptPlanner(exchange, self)
        attempt, response = await self._served(walk, handler)
        exchange.winning_attempt = attempt
        outcomes.record_started(attempt)
        exchange.on_close(_end)
        if not isinstance(response.body, bytes):
            response.body = ResumableStream(attempt, response.body, walk, handler)
        return response

    async def _served(self, walk: AttemptPlanner, handler: Handler[Attempt]) -> AttemptResponse:
        failures: list[UpstreamError] = []
        unsuited: list[InvalidRequestError] = []
        attempt: Attempt | None = walk.start_first()
        while attempt is not None:
            walk.exchange.winning_attempt = attempt
            try:
                return await HedgedCall(handler, walk.start_hedge, self.circuit_breaker).run(
                    attempt, walk.hedge_delay_s(attempt)
                )
            except AllAttemptsFailedError as failed:
                failures += (failure for _, failure in failed.failures)
                attempt = await self._following(walk, failed)
            except InvalidRequestError as refusal:
                # This target's format cannot say it; nothing was sent, so it was no attempt.
                unsuited.append(refusal)
                attempt = walk.next_after_unsupported(attempt)
        raise _all_failed(walk.exchange, failures) if failures else unsuited[0]

    async def _following(self, walk: AttemptPlanner, failed: AllAttemptsFailedError) -> Attempt | None:
        """The attempt that follows, after its time; raises the last failure if it is the caller's answer."""
        judged = [(*each, outcomes.record_failure(*each, self.circuit_breaker)) for each in failed.failures]
        again = next((again for attempt, _, verdict in judged if (again := walk.retry_same(attempt, verdict))), None)
        if again is not None:
            with walk.exchange.upstream_timer():
                await walk.exchange.runtime.sleep(again.wait_s)
            if (attempt := walk.start_retry(again.step)) is not None:
                return attempt
        for failing, failure, verdict in judged:
            if (
                other := walk.start_elsewhere(FailureCause(failure.trigger, verdict.fails_over, failing.step))
            ) is not None:
                return other
            if not verdict.fails_over:
                raise failure
        return None


def _end(exchange: Exchange) -> None:
    """The caller has its last byte, or will never have it."""
    attempt = exchange.winning_attempt
    if attempt is None or attempt.recorder.is_over:
        return
    if exchange.outcome == "client_disconnected" and not attempt.completion.complete:
        outcomes.record_cancelled(attempt)
    else:
        outcomes.record_finished(attempt)


def _note(exchange: Exchange) -> None:
    """Asked for first, so called last: by then every attempt has its outcome."""
    runtime, attempts = exchange.runtime, exchange.attempts
    tried = tuple(attempt.as_json() for attempt in attempts) if len(attempts) > 1 else ()
    rescue = (
        FailoverRecord(exchange.id, exchange.facts.model, runtime.wall(), exchange.outcome, tried) if tried else None
    )
    runtime.activity.record_request(sum(attempt.cost() or 0.0 for attempt in attempts), rescue)


_STATUS_IF_UNANIMOUS = {
    "rate_limit": (429, "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota"),
    "timeout": (504, "upstream_timeout"),
    "not_found": (404, "model_not_found"),
    "model_overloaded": (503, "server_is_overloaded"),
    EgressError.code: (502, EgressError.code),
}
"""What the caller gets where all attempts failed alike; a mixture is a 502."""


def _all_failed(exchange: Exchange, failures: list[UpstreamError]) -> AllProvidersFailedError:
    kinds = {EgressError.code if failure.is_local else failure.trigger for failure in failures}
    status, code = (
        _STATUS_IF_UNANIMOUS.get(kinds.pop(), (502, AllProvidersFailedError.code))
        if len(kinds) == 1
        else (502, AllProvidersFailedError.code)
    )
    tried = ", ".join(f"{attempt.step.target.id} ({attempt.outcome})" for attempt in exchange.attempts)
    wall = exchange.runtime.wall()
    waits = [wait for failure in failures if (wait := parse_retry_after(failure.headers, wall))]
    again = {"Retry-After": str(ceil(min(waits)))} if waits and status == 429 else {"x-should-retry": "false"}
    return AllProvidersFailedError(
        f"no provider answered; tried {tried}. The last said: {failures[-1].message}",
        status=status,
        code=code,
        attempts=[attempt.as_json() for attempt in exchange.attempts],
        headers=again,
    )
