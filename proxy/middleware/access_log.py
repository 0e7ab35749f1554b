"""One line for each request, at its very end; nothing of what was said in it, and no key."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.exchange import Exchange, Handler
from proxy.messages import Answer, Response

_LOOKS = "/v1/providers/"
"""Where dashboards and probes look every few seconds; a look that went well is a line for those who debug."""


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Logs how each request ended, whoever ended it."""

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        exchange.at_end(_write)
        return await handler(exchange)


def _write(exchange: Exchange) -> None:
    services = exchange.services
    target = exchange.serving.step.target if exchange.serving else None
    answer = exchange.serving.answer if exchange.serving else Answer()
    quiet = exchange.outcome == "ok" and exchange.request.path.startswith(_LOOKS)
    write = services.log.debug if quiet else services.log.info
    write(
        "request_ended",
        request_id=exchange.id,
        key=exchange.identity,
        model=exchange.facts.model or None,
        stream=exchange.facts.stream,
        outcome=exchange.outcome,
        status=exchange.status or None,
        provider=target.provider.name if target else None,
        region=target.region if target else None,
        attempts=[f"{attempt.step.target.id}: {attempt.outcome or 'open'}" for attempt in exchange.attempts],
        ttft_ms=_milliseconds(exchange.first_content, exchange.started),
        total_ms=_milliseconds(services.clock(), exchange.started),
        overhead_ms=exchange.overhead_ms,
        prompt_tokens=answer.tokens("prompt_tokens"),
        completion_tokens=answer.tokens("completion_tokens"),
        dropped_events=answer.dropped or None,
    )


def _milliseconds(moment: float | None, start: float) -> float | None:
    return None if moment is None else round((moment - start) * 1000, 1)
