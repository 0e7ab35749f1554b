"""Logs one line for each request, at its end, without content and without keys."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.exchange import Exchange
from proxy.messages import CompletionState

_POLLED_PREFIXES = ("/v1/providers/", "/dashboard")
"""Paths that dashboards and probes request every few seconds: a success is logged at debug level."""


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Writes `request_completed`, however the request ended."""

    def closed(self, exchange: Exchange) -> None:
        """Write the line."""
        runtime, winner = exchange.runtime, exchange.winning_attempt
        target = winner.step.target if winner else None
        completion = winner.completion if winner else CompletionState()
        is_quiet = exchange.outcome == "ok" and exchange.request.path.startswith(_POLLED_PREFIXES)
        write = runtime.log.debug if is_quiet else runtime.log.info
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
            total_ms=round((runtime.clock() - exchange.started) * 1000, 1),
            overhead_ms=exchange.overhead_ms,
            prompt_tokens=completion.token_count("prompt_tokens"),
            completion_tokens=completion.token_count("completion_tokens"),
            dropped_events=completion.dropped_events or None,
        )


def _milliseconds(moment: float | None, start: float) -> float | None:
    return None if moment is None else round((moment - start) * 1000, 1)
