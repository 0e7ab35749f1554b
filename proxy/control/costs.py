"""What so many tokens of a model cost at each provider, and whether that provider could be had now."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import orjson

from proxy.config.quantities import Size
from proxy.config.snapshot import Snapshot, Target
from proxy.errors import InvalidRequest
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.middleware.limits import Limits
from proxy.middleware.strategy import signals
from proxy.routing.asking import heard, serving
from proxy.routing.eligibility import reason
from proxy.routing.facts import Facts, parsed
from proxy.routing.question import Question
from proxy.telemetry.signals import Signals

MOST_BODY = Size(64 * 2**10)
MOST_TOKENS = 10**9


async def analyze(exchange: Exchange) -> Response:
    """By provider: the USD of its cheapest target that may serve, or of its cheapest with why it may not.

    The control headers hold as for a request of that size; `cost` is null where the price is unknown."""
    body = parsed(await Limits(max_body=MOST_BODY).read(exchange))
    counts = _counts(body)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise _wrong("model", "must be a model's name")
    targets = serving(exchange.snapshot, model)
    exchange.policy = heard(body, exchange.asked, exchange.snapshot)
    asked = Facts("chat", model, prompt_tokens=counts[0], max_tokens=counts[1] or None)
    question = Question(asked, exchange.policy, exchange.snapshot.default_strategy, exchange.id)
    known = signals(exchange)
    rows: dict[str, list[dict[str, Any]]] = {}
    for target in targets:
        row = _row(target, counts, _why_not(target, question, known, exchange.snapshot))
        rows.setdefault(target.provider.name, []).append(row)
    return Response(200, {}, orjson.dumps({name: min(each, key=_rank) for name, each in rows.items()}))


def _row(target: Target, counts: tuple[int, int, int], why_not: str | None) -> dict[str, Any]:
    cost = None if target.price is None else round(target.price.of(*counts), 10)
    row = {"cost": cost, "available": why_not is None, "target": target.id}
    return row if why_not is None else {**row, "reason": why_not}


def _rank(row: Mapping[str, Any]) -> tuple[bool, float]:
    """Available before the rest, cheapest first, unknown prices last."""
    return not row["available"], inf if row["cost"] is None else row["cost"]


def _why_not(target: Target, question: Question, known: Signals, snapshot: Snapshot) -> str | None:
    signal = known.rows.of(target.id, question.policy.performance_window)
    busy = "busy" if target.provider.name in known.busy else None
    down = signal.available_in_ms > 0 or signal.standing.is_down
    return reason(target, question, signal, snapshot) or ("down" if down else busy)


def _counts(body: Mapping[str, Any]) -> tuple[int, int, int]:
    """Tokens of the prompt, of the answer, and of the prompt's cached part."""
    prompt, completion = _tokens(body, "prompt_tokens"), _tokens(body, "completion_tokens")
    cached = _tokens({"cached_tokens": 0, **body}, "cached_tokens")
    if cached > prompt:
        raise _wrong("cached_tokens", "must not be more than 'prompt_tokens', of which they are a part")
    return prompt, completion, cached


def _tokens(body: Mapping[str, Any], name: str) -> int:
    count = body.get(name)
    if type(count) is not int or not 0 <= count <= MOST_TOKENS:
        raise _wrong(name, f"must be a whole number from 0 to {MOST_TOKENS}")
    return count


def _wrong(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"'{name}' {what}", param=name, code="invalid_value")
