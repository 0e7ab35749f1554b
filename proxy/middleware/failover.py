"""Walks the plan until one target answers; an answer in hand means its first content is."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from proxy.attempts import settle
from proxy.attempts.continuing import Continuing
from proxy.attempts.race import Failed, Race, Served
from proxy.attempts.settings import Settings
from proxy.attempts.walk import Cause, Walk
from proxy.errors import AllFailed, EgressError, InvalidRequest, UpstreamFailure
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Response
from proxy.resilience.retry_after import retry_after
from proxy.telemetry.activity import Rescue


@dataclass(frozen=True, slots=True)
class Failover(Settings):
    """Tries again, and elsewhere, when that may help; goes on elsewhere with an answer that was cut."""

    async def __call__(self, exchange: Exchange, handler: Handler[Attempt]) -> Response:
        exchange.services.hedges.requested(self.hedge.budget)
        exchange.at_end(_note)
        walk = Walk(exchange, self)
        attempt, response = await self._served(walk, handler)
        exchange.serving = attempt
        settle.began(attempt)
        exchange.at_end(_end)
        if not isinstance(response.body, bytes):
            response.body = Continuing(attempt, response.body, walk, handler)
        return response

    async def _served(self, walk: Walk, handler: Handler[Attempt]) -> Served:
        failures: list[UpstreamFailure] = []
        unsuited: list[InvalidRequest] = []
        attempt: Attempt | None = walk.first()
        while attempt is not None:
            walk.exchange.serving = attempt
            try:
                return await Race(handler, walk.hedge, self.circuit_breaker).run(attempt, walk.hedge_after(attempt))
            except Failed as failed:
                failures += (failure for _, failure in failed.failures)
                attempt = await self._following(walk, failed)
            except InvalidRequest as refusal:
                # This target's format cannot say it; nothing was sent, so it was no attempt.
                unsuited.append(refusal)
                attempt = walk.unsuited(attempt)
        raise _all_failed(walk.exchange, failures) if failures else unsuited[0]

    async def _following(self, walk: Walk, failed: Failed) -> Attempt | None:
        """The attempt that follows, after its time; raises the last failure if it is the caller's answer."""
        judged = [(*each, settle.failed(*each, self.circuit_breaker)) for each in failed.failures]
        again = next((again for attempt, _, verdict in judged if (again := walk.again(attempt, verdict))), None)
        if again is not None:
            with walk.exchange.waiting():
                await walk.exchange.services.sleep(again.wait)
            if (attempt := walk.repeat(again.step)) is not None:
                return attempt
        for failing, failure, verdict in judged:
            if (other := walk.elsewhere(Cause(failure.trigger, verdict.moves_on, failing.step))) is not None:
                return other
            if not verdict.moves_on:
                raise failure
        return None


def _end(exchange: Exchange) -> None:
    """The caller has its last byte, or will never have it."""
    attempt = exchange.serving
    if attempt is None or attempt.flight.over:
        return
    if exchange.outcome == "client_gone" and not attempt.answer.complete:
        settle.abandoned(attempt)
    else:
        settle.finished(attempt)


def _note(exchange: Exchange) -> None:
    """Asked for first, so called last: by then every attempt has its outcome."""
    services, attempts = exchange.services, exchange.attempts
    tried = tuple(attempt.as_json() for attempt in attempts) if len(attempts) > 1 else ()
    rescue = Rescue(exchange.id, exchange.facts.model, services.wall(), exchange.outcome, tried) if tried else None
    services.activity.ended(sum(attempt.cost() or 0.0 for attempt in attempts), rescue)


_TOGETHER = {
    "rate_limit": (429, "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota"),
    "timeout": (504, "upstream_timeout"),
    "not_found": (404, "model_not_found"),
    "model_overloaded": (503, "server_is_overloaded"),
    EgressError.code: (502, EgressError.code),
}
"""What the caller gets where all attempts failed alike; a mixture is a 502."""


def _all_failed(exchange: Exchange, failures: list[UpstreamFailure]) -> AllFailed:
    kinds = {EgressError.code if failure.is_local else failure.trigger for failure in failures}
    status, code = _TOGETHER.get(kinds.pop(), (502, AllFailed.code)) if len(kinds) == 1 else (502, AllFailed.code)
    tried = ", ".join(f"{attempt.step.target.id} ({attempt.outcome})" for attempt in exchange.attempts)
    wall = exchange.services.wall()
    waits = [wait for failure in failures if (wait := retry_after(failure.headers, wall))]
    again = {"Retry-After": str(ceil(min(waits)))} if waits and status == 429 else {"x-should-retry": "false"}
    return AllFailed(
        f"no provider answered; tried {tried}. The last said: {failures[-1].message}",
        status=status,
        code=code,
        attempts=[attempt.as_json() for attempt in exchange.attempts],
        headers=again,
    )
