"""Attributes of the spans, after OpenTelemetry's conventions for generative AI. They contain no message text and no key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from proxy.config.snapshot import ANY_MODEL, Provider
from proxy.control_chars import escape_control_chars
from proxy.dialects import DIALECTS
from proxy.exchange import Attempt, Exchange
from proxy.messages import CompletionState

Attributes = Mapping[str, Any]
"""Name -> str, number, bool or tuple of str."""

OPERATIONS: Mapping[str, str] = {
    "batch_embed_contents": "embeddings",
    "batches": "batches",
    "chat": "chat",
    "completions": "text_completion",
    "count_content_tokens": "count_tokens",
    "count_tokens": "count_tokens",
    "embed_content": "embeddings",
    "embeddings": "embeddings",
    "files": "files",
    "generate_content": "generate_content",
    "image_edits": "generate_content",
    "image_variations": "generate_content",
    "images": "generate_content",
    "messages": "chat",
    "moderations": "moderation",
    "responses": "chat",
    "responses_compact": "chat",
    "responses_input_tokens": "count_tokens",
    "speech": "speech",
    "transcriptions": "transcription",
    "translations": "translation",
    "uploads": "uploads",
}
"""Endpoint -> gen_ai.operation.name."""

_REQUESTS_NO_ERROR = frozenset({"ok", "client_disconnected"})
_ATTEMPTS_NO_ERROR = frozenset({None, "ok", "cancelled", "hedge_lost"})
_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
_MAX_LENGTH = 256
"""Limit for values that clients and providers choose, in characters."""


def request_start(exchange: Exchange) -> Attributes:
    """Return the attributes of a request at its start."""
    path = exchange.request.path.partition("?")[0]
    return {"http.request.method": exchange.request.method, "url.path": escape_control_chars(path[:_MAX_LENGTH])}


def request_name(exchange: Exchange) -> str:
    """Return the span name: `chat gpt-4o`, or the HTTP method where the request names no model."""
    operation = OPERATIONS.get(exchange.endpoint, exchange.request.method)
    return f"{operation} {exchange.facts.model[:_MAX_LENGTH]}".rstrip()


def request_end(exchange: Exchange) -> Attributes:
    """Return the attributes of a request at its end. Tokens are on the attempts, so that a sum counts them once."""
    winner, facts = exchange.winning_attempt, exchange.facts
    target = winner.step.target if winner else None
    return _without_none(
        {
            "gen_ai.operation.name": OPERATIONS.get(exchange.endpoint),
            "gen_ai.provider.name": _provider(target.provider) if target else None,
            "gen_ai.request.model": facts.model[:_MAX_LENGTH] or None,
            "gen_ai.request.stream": facts.stream or None,
            **_completion(winner.completion if winner else CompletionState()),
            "gen_ai.response.time_to_first_chunk": _first(exchange, exchange.first_content_at, exchange.started),
            "http.response.status_code": exchange.status or None,
            "error.type": request_error(exchange),
            "parrot.request_id": exchange.id,
            "parrot.key": exchange.identity.name,
            "parrot.strategy": exchange.decision.strategy or None,
            "parrot.provider": target.provider.name if target else None,
            "parrot.region": target.region if target else None,
            "parrot.attempts": len(exchange.attempts),
            "parrot.outcome": exchange.outcome,
            "parrot.overhead_ms": exchange.overhead_ms,
            "parrot.cost_usd": exchange.total_cost(),
        }
    )


def attempt_name(attempt: Attempt) -> str:
    """Return the span name, such as `chat gpt-4o-2024-08-06`, or `files` where the request names no model."""
    return f"{OPERATIONS[attempt.exchange.endpoint]} {_model(attempt) or ''}".rstrip()


def _model(attempt: Attempt) -> str | None:
    model = attempt.step.target.model
    return None if model == ANY_MODEL else model


def attempt_start(attempt: Attempt, number: int) -> Attributes:
    """Return the attributes of an attempt before it is sent. The first one has number 1."""
    exchange, target = attempt.exchange, attempt.step.target
    url, winner = urlsplit(target.base_url), exchange.winning_attempt
    return _without_none(
        {
            "gen_ai.operation.name": OPERATIONS[exchange.endpoint],
            "gen_ai.provider.name": _provider(target.provider),
            "gen_ai.request.model": _model(attempt),
            "gen_ai.request.stream": exchange.facts.stream or None,
            "server.address": url.hostname,
            "server.port": url.port or _PORTS.get(url.scheme),
            "parrot.provider": target.provider.name,
            "parrot.region": target.region,
            "parrot.attempt": number,
            "parrot.hedge": attempt.hedge or None,
            # A winner that has sent content already means that this attempt resumes a cut stream.
            "parrot.resume": (winner is not None and winner.first_content_at is not None) or None,
        }
    )


def attempt_end(attempt: Attempt) -> Attributes:
    """Return the attributes of an attempt at its end."""
    answer = attempt.completion
    return _without_none(
        {
            **_completion(answer),
            "gen_ai.response.time_to_first_chunk": _first(attempt.exchange, attempt.first_content_at, attempt.started),
            "gen_ai.usage.input_tokens": answer.token_count("prompt_tokens"),
            "gen_ai.usage.output_tokens": answer.token_count("completion_tokens"),
            "http.response.status_code": attempt.status or (None if attempt.first_content_at is None else 200),
            "error.type": attempt_error(attempt),
            "parrot.outcome": attempt.outcome,
            "parrot.cost_usd": attempt.cost(),
        }
    )


def request_error(exchange: Exchange) -> str | None:
    """Return the error type of a request, None for a success and for a client that disconnected."""
    return None if exchange.outcome in _REQUESTS_NO_ERROR else exchange.outcome


def attempt_error(attempt: Attempt) -> str | None:
    """Return the error type of an attempt, None also where it was cancelled or lost to a hedge."""
    return None if attempt.outcome in _ATTEMPTS_NO_ERROR else attempt.outcome


def is_client_error(exchange: Exchange) -> bool:
    """Return whether the response is a 4xx, which is no error of the server by the conventions for HTTP spans."""
    return 400 <= exchange.status < 500


def _completion(answer: CompletionState) -> Attributes:
    model, reason = _cut(answer.model), _cut(answer.finish_reason)
    return {"gen_ai.response.model": model, "gen_ai.response.finish_reasons": (reason,) if reason else None}


def _cut(text: object) -> str | None:
    """Return at most _MAX_LENGTH characters of a provider's value, printable and Unicode, None if it is not a string."""
    return escape_control_chars(text[:_MAX_LENGTH]) if isinstance(text, str) else None


def _provider(provider: Provider) -> str:
    return DIALECTS[provider.dialect].otel_provider_name or provider.name


def _first(exchange: Exchange, moment: float | None, start: float) -> float | None:
    """Return the time to first content in seconds, or None if it is not a stream."""
    return moment - start if exchange.facts.stream and moment is not None else None


def _without_none(values: Attributes) -> Attributes:
    return {name: value for name, value in values.items() if value is not None}
