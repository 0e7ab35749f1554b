"""Walks the plan until one target answers; an answer in hand means its first content is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from proxy.errors import AllFailed, UpstreamFailure
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Response
from proxy.resilience.verdict import judge


@dataclass(frozen=True, slots=True)
class Failover:
    """Tries the next target when the last one failed in a way that another may not."""

    max_retries: Annotated[int, Meta(ge=0, le=10)] = 3
    """Attempts after the first."""

    async def __call__(self, exchange: Exchange, handler: Handler[Attempt]) -> Response:
        failures = []
        for step in exchange.decision.steps[: 1 + self.max_retries]:
            attempt = exchange.serving = exchange.attempt(step)
            try:
                response = await handler(attempt)
            except UpstreamFailure as failure:
                _note(attempt, failure)
                if not judge(failure).moves_on:
                    raise
                failures.append(failure)
            else:
                return response
        raise _all_failed(exchange, failures)


def _note(attempt: Attempt, failure: UpstreamFailure) -> None:
    attempt.outcome = failure.outcome
    attempt.status = failure.upstream_status
    attempt.ended = attempt.exchange.services.clock()


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
