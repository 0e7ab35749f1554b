"""One line for each request, at its very end; nothing of what was said in it, and no key."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.exchange import Exchange, Handler
from proxy.messages import CompletionState, Response

_LOOKS = "/v1/providers/"
"""Where dashboards and probes look every few seconds; a look that went well is a line for those who debug."""


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Logs how each request ended, whoever ended it."""

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        exchange.on_close(_write)
        return await handler(exchange)


def _write(exchange: Exchange) -> None:
    runtime = exchange.runtime
    target = exchange.winning_attempt.step.target if exchange.winning_attempt else None
    answer = exchange.winning_attempt.completion if exchange.winning_attempt else CompletionState()
    quiet = exchange.outcome == "ok" and exchange.request.path.startswith(_LOOKS)
    write = runtime.log.debug if quiet else runtime.log.info
    write(
        "request_completed",
        request_id=exchange.id,
        key=exchange.identity,
        model=exchange.facts.model or None,
        stream=exchange.facts.stream,
        outcome=exchange.outcome,
        status=exchange.status or None,
        provider=target.provider.name if target else None,
        region=target.region if target else None,
        attempts=[f"{attempt.step.target.id}: {attempt.outcome or 'open'}" for attempt in exchange.attempts],
        ttft_ms=_milliseconds(exchange.first_content_at, exchange.started),
        total_ms=_milliseconds(runtime.clock(), exchange.started),
        overhead_ms=exchange.overhead_ms,
        prompt_tokens=answer.token_count("prompt_tokens"),
        completion_tokens=answer.token_count("completion_tokens"),
        dropped_events=answer.dropped_events or None,
    )


def _milliseconds(moment: float | None, start: float) -> float | None:
    return None if moment is None else round((moment - start) * 1000, 1)
