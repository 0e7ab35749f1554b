"""Walks the plan until one target answers; an answer in hand means its first content is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from proxy.errors import AllFailed, InvalidRequest, UpstreamFailure
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Response
from proxy.resilience.verdict import judge
from proxy.telemetry.observations import Spent


@dataclass(frozen=True, slots=True)
class Failover:
    """Tries the next target when the last one failed in a way that another may not."""

    max_retries: Annotated[int, Meta(ge=0, le=10)] = 3
    """Attempts after the first."""

    async def __call__(self, exchange: Exchange, handler: Handler[Attempt]) -> Response:
        failures: list[UpstreamFailure] = []
        unsuited: list[InvalidRequest] = []
        steps = iter(exchange.decision.steps)
        while len(failures) < self._attempts(exchange) and (step := next(steps, None)) is not None:
            attempt = exchange.serving = exchange.attempt(step)
            try:
                response = await handler(attempt)
            except UpstreamFailure as failure:
                _note(attempt, failure)
                if not judge(failure).moves_on:
                    raise
                failures.append(failure)
            except InvalidRequest as refusal:
                # This target's format cannot say it; nothing was sent, so it was no attempt.
                exchange.attempts.remove(attempt)
                attempt.flight.abandoned(exchange.services.clock())
                unsuited.append(refusal)
            except BaseException:
                attempt.flight.abandoned(exchange.services.clock())
                raise
            else:
                _watch(exchange, attempt)
                return response
        raise _all_failed(exchange, failures) if failures else unsuited[0]

    def _attempts(self, exchange: Exchange) -> int:
        policy = exchange.policy
        if not policy.retry_on_provider_error:
            return 1
        retries = policy.max_provider_retries
        return 1 + (self.max_retries if retries is None else retries)


def _watch(exchange: Exchange, attempt: Attempt) -> None:
    """The answer has begun; how it ended is known at the end."""
    attempt.flight.succeeded(exchange.services.clock())
    exchange.at_end(_observe)


def _observe(exchange: Exchange) -> None:
    attempt = exchange.serving
    if attempt is None:
        return
    now, flight, usage = exchange.services.clock(), attempt.flight, attempt.answer.usage or {}
    if exchange.outcome == "client_gone":
        flight.abandoned(now)
    elif attempt.outcome != "ok":
        flight.failed("connection_error", now, fault=True)
    else:
        prompt, completion = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
        flight.counted(exchange.facts.prompt_tokens, prompt)
        flight.finished(now, Spent(prompt, completion, attempt.cost() or 0.0))


def _note(attempt: Attempt, failure: UpstreamFailure) -> None:
    attempt.outcome = failure.outcome
    attempt.status = failure.upstream_status
    attempt.ended = attempt.exchange.services.clock()
    attempt.flight.failed(failure.trigger, attempt.ended, fault=judge(failure).moves_on)
    if failure.trigger == "auth_error":
        attempt.exchange.services.suspect()


_SECONDS = re.compile(r"[0-9]{1,9}")
_TOGETHER = {
    "rate_limit": (429, "rate_limit_exceeded"),
    "timeout": (504, "upstream_timeout"),
    "model_overloaded": (503, "server_is_overloaded"),
}
"""What the caller gets where all attempts failed alike; a mixture is a 502."""


def _all_failed(exchange: Exchange, failures: list[UpstreamFailure]) -> AllFailed:
    triggers = {failure.trigger for failure in failures}
    status, code = _TOGETHER.get(triggers.pop(), (502, AllFailed.code)) if len(triggers) == 1 else (502, AllFailed.code)
    tried = ", ".join(f"{attempt.step.target.id} ({attempt.outcome})" for attempt in exchange.attempts)
    waits = [int(wait) for failure in failures if _SECONDS.fullmatch(wait := failure.headers.get("retry-after", ""))]
    again = {"Retry-After": str(min(waits))} if waits and status == 429 else {"x-should-retry": "false"}
    return AllFailed(
        f"no provider answered; tried {tried}. The last said: {failures[-1].message}",
        status=status,
        code=code,
        attempts=[attempt.as_json() for attempt in exchange.attempts],
        headers=again,
    )
