"""The headers that every response carries: who answered, at what cost, and how long the sidecar itself took."""

from __future__ import annotations

from proxy.config.snapshot import ANY_MODEL
from proxy.exchange import Exchange
from proxy.headers import MAX_VALUE_LENGTH, strip_control_chars
from proxy.routing.annotate import format_usd


def sidecar_headers(exchange: Exchange, now: float) -> dict[str, str]:
    """Return the headers, for errors and streams too. `now` fixes the exchange's `overhead_ms`."""
    if exchange.upstream_waits:  # the headers go out early
        exchange.upstream_wait_s += now - exchange.upstream_wait_started
        exchange.upstream_wait_started = now
    exchange.overhead_ms = round((now - exchange.started - exchange.upstream_wait_s) * 1000, 2)
    headers = {
        "X-Request-Id": exchange.id,
        "X-Provider-Attempts": str(len(exchange.attempts)),
        "X-Overhead-Ms": str(exchange.overhead_ms),
    }
    if exchange.decision.strategy:
        headers["X-Routing-Strategy"] = exchange.decision.strategy
    if (winner := exchange.winning_attempt) is not None:
        target = winner.step.target
        headers["X-Provider"] = target.provider.name
        if (model := winner.completion.model or target.model) != ANY_MODEL:
            headers["X-Provider-Model"] = strip_control_chars(model)[:MAX_VALUE_LENGTH]
        headers["X-Provider-Region"] = target.region
    if exchange.warnings:
        headers["X-Routing-Warnings"] = ", ".join(exchange.warnings)
    if not exchange.facts.stream and (cost := exchange.total_cost()) is not None:
        headers["X-Request-Cost"] = format_usd(cost)
    if exchange.cors_headers:
        headers |= exchange.cors_headers
    return headers
