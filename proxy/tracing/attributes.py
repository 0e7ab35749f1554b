"""What spans say of a request and its attempts: names, counts, times, outcomes; nothing of what was said, and no key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from proxy.config.snapshot import Provider
from proxy.exchange import Attempt, Exchange
from proxy.messages import CompletionState

Attributes = Mapping[str, Any]
"""Name -> text, number, truth or a tuple of texts."""

OPERATIONS: Mapping[str, str] = {
    "chat": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "images": "generate_content",
    "moderations": "moderation",
    "responses": "chat",
}
"""Endpoint -> gen_ai.operation.name."""

_PROVIDERS: Mapping[str, str] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "cohere": "cohere",
}
"""Dialect -> gen_ai.provider.name; hosts that speak another one are known by the file's name for them."""

_REQUESTS_NO_ERROR = frozenset({"ok", "client_disconnected"})
_ATTEMPTS_NO_ERROR = frozenset({None, "ok", "cancelled", "hedge_lost"})
_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
_MAX_LENGTH = 256
"""Characters of what others wrote: no model's name is longer, and no path that stands for anything."""


def request_start(exchange: Exchange) -> Attributes:
    """What is known of a request when it comes."""
    path = exchange.request.path.partition("?")[0]
    return {"http.request.method": exchange.request.method, "url.path": path[:_MAX_LENGTH]}


def request_name(exchange: Exchange) -> str:
    """`chat gpt-4o`; of what no model is asked for, the method."""
    operation = OPERATIONS.get(exchange.endpoint, exchange.request.method)
    return f"{operation} {exchange.facts.model[:_MAX_LENGTH]}".rstrip()


def request_end(exchange: Exchange) -> Attributes:
    """What is known of a request at its end; its tokens are told by its attempts, so that sums count them once."""
    serving, facts = exchange.winning_attempt, exchange.facts
    target = serving.step.target if serving else None
    return _without_none(
        {
            "gen_ai.operation.name": OPERATIONS.get(exchange.endpoint),
            "gen_ai.provider.name": _provider(target.provider) if target else None,
            "gen_ai.request.model": facts.model[:_MAX_LENGTH] or None,
            "gen_ai.request.stream": facts.stream or None,
            **_completion(serving.completion if serving else CompletionState()),
            "gen_ai.response.time_to_first_chunk": _first(exchange, exchange.first_content_at, exchange.started),
            "http.response.status_code": exchange.status or None,
            "error.type": request_error(exchange),
            "parrot.request_id": exchange.id,
            "parrot.key": exchange.identity,
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
    """`chat gpt-4o-2024-08-06`."""
    return f"{OPERATIONS[attempt.exchange.endpoint]} {attempt.step.target.model}"


def attempt_start(attempt: Attempt, number: int) -> Attributes:
    """What is known of an attempt before it is sent; the first is number 1."""
    exchange, target = attempt.exchange, attempt.step.target
    url, serving = urlsplit(target.base_url), exchange.winning_attempt
    return _without_none(
        {
            "gen_ai.operation.name": OPERATIONS[exchange.endpoint],
            "gen_ai.provider.name": _provider(target.provider),
            "gen_ai.request.model": target.model,
            "gen_ai.request.stream": exchange.facts.stream or None,
            "server.address": url.hostname,
            "server.port": url.port or _PORTS.get(url.scheme),
            "parrot.provider": target.provider.name,
            "parrot.region": target.region,
            "parrot.attempt": number,
            "parrot.hedge": attempt.hedge or None,
            # Who serves had content already: this one goes on with an answer that was cut.
            "parrot.resume": (serving is not None and serving.first_content_at is not None) or None,
        }
    )


def attempt_end(attempt: Attempt) -> Attributes:
    """What is known of an attempt at its end."""
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
    """The class of what went wrong, if anything did; a caller who left is no error."""
    return None if exchange.outcome in _REQUESTS_NO_ERROR else exchange.outcome


def attempt_error(attempt: Attempt) -> str | None:
    """Likewise; nor is it one to be let go of, or to be too late."""
    return None if attempt.outcome in _ATTEMPTS_NO_ERROR else attempt.outcome


def is_client_error(exchange: Exchange) -> bool:
    """Whether what went wrong is no error of the one who answers, by the conventions for HTTP servers."""
    return 400 <= exchange.status < 500


def _completion(answer: CompletionState) -> Attributes:
    model, reason = _cut(answer.model), _cut(answer.finish_reason)
    return {"gen_ai.response.model": model, "gen_ai.response.finish_reasons": (reason,) if reason else None}


def _cut(text: object) -> str | None:
    """What a provider wrote, which may be anything, where it is a text."""
    return text[:_MAX_LENGTH] if isinstance(text, str) else None


def _provider(provider: Provider) -> str:
    return _PROVIDERS.get(provider.dialect, provider.name)


def _first(exchange: Exchange, moment: float | None, start: float) -> float | None:
    """Seconds; only of a stream is it anything but the whole time."""
    return moment - start if exchange.facts.stream and moment is not None else None


def _without_none(values: Attributes) -> Attributes:
    return {name: value for name, value in values.items() if value is not None}
