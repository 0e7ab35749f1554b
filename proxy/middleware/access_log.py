"""Logs one line for each request, at its end, without content and without keys."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.control_chars import escape_control_chars
from proxy.exchange import Exchange
from proxy.ingress import find_format
from proxy.messages import CompletionState, Request

_POLLED_PREFIXES = ("/v1/providers/", "/dashboard")
"""Paths that dashboards and probes request every few seconds: a success is logged at debug level."""
_MAX_METHOD = 32
_MAX_PATH = 256
_MAX_USER_AGENT = 128


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Writes `request_completed`, however the request ended."""

    def closed(self, exchange: Exchange) -> None:
        """Write the line."""
        runtime, request, winner = exchange.runtime, exchange.request, exchange.winning_attempt
        path, user_agent = _shown_head(request)
        started, first_content_at = exchange.started, exchange.first_content_at
        target = winner.step.target if winner else None
        completion = winner.completion if winner else CompletionState()
        write = getattr(runtime.log, _level(exchange, path))
        write(
            "request_completed",
            request_id=exchange.id,
            key=exchange.identity.name,
            method=request.method[:_MAX_METHOD],
            path=path,
            api=find_format(exchange.endpoint).name if exchange.endpoint else None,
            user_agent=user_agent or None,
            model=exchange.facts.model or None,
            stream=exchange.facts.stream,
            outcome=exchange.outcome,
            status=exchange.status or None,
            provider=target.provider.name if target else None,
            region=target.region if target else None,
            attempts=[f"{attempt.step.target.id}: {attempt.outcome or 'open'}" for attempt in exchange.attempts],
            ttft_ms=None if first_content_at is None else round((first_content_at - started) * 1000, 1),
            total_ms=round((runtime.clock() - started) * 1000, 1),
            overhead_ms=exchange.overhead_ms,
            prompt_tokens=completion.token_count("prompt_tokens"),
            completion_tokens=completion.token_count("completion_tokens"),
            cost_usd=exchange.total_cost(),
            dropped_events=completion.dropped_events or None,
        )


def _shown_head(request: Request) -> tuple[str, str]:
    """Return the path without its query, which may contain a key, and the user agent, both bounded and printable."""
    path = request.path.partition("?")[0][:_MAX_PATH]
    user_agent = request.headers.get("User-Agent", "")[:_MAX_USER_AGENT]
    if path.isprintable() and user_agent.isprintable():
        return path, user_agent
    return escape_control_chars(path), escape_control_chars(user_agent)


def _level(exchange: Exchange, path: str) -> str:
    """Return `warning` for what the sidecar or a provider caused, `info` for success and for what the caller caused."""
    if exchange.outcome == "ok":
        return "debug" if path.startswith(_POLLED_PREFIXES) else "info"
    is_callers = 400 <= exchange.status < 500 and exchange.status != 429
    return "info" if is_callers or exchange.outcome == "client_disconnected" else "warning"
