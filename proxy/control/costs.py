"""`POST /v1/costs/analyze`: what a number of tokens of a model costs at each provider, and which are available."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import orjson

from proxy.config.snapshot import Target, targets_for_model
from proxy.errors import InvalidRequestError, RequestTooLargeError
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.middleware.strategy import signals
from proxy.routing.candidates import limit_wait_ms
from proxy.routing.eligibility import RequestCheck, request_check, static_exclusion
from proxy.routing.facts import Facts
from proxy.routing.policy import all_control_headers
from proxy.routing.policy_levels import policy_for
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import Signals

MAX_BODY_BYTES = 64 * 2**10
MAX_TOKENS = 10**9


def analyze(exchange: Exchange) -> Response:
    """Answer with the cost in USD per provider: of its cheapest available target, else of its cheapest target.

    The control headers apply as to a request of that size. An unavailable provider has a `reason`. `cost` is null where
    the price is unknown.
    """
    if len(exchange.raw) > MAX_BODY_BYTES:
        raise RequestTooLargeError(f"the body is over {MAX_BODY_BYTES} bytes")
    body = exchange.body
    counts = _counts(body)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise _invalid("model", "must be a model name")
    targets = targets_for_model(exchange.snapshot, model)
    headers = all_control_headers(body, exchange.control_headers)
    exchange.policy = policy_for(model, headers, exchange.snapshot, key=exchange.identity.policy)
    facts = Facts("chat", model, prompt_tokens=counts[0], max_tokens=counts[1] or None)
    request = RoutingRequest(facts, exchange.policy, exchange.snapshot.default_strategy, exchange.id)
    known, check = signals(exchange), request_check(request, exchange.snapshot)
    rows: dict[str, list[dict[str, Any]]] = {}
    for target in targets:
        row = _row(target, counts, _unavailable_reason(target, request, known, check))
        rows.setdefault(target.provider.name, []).append(row)
    return Response(200, {}, orjson.dumps({name: min(each, key=_rank) for name, each in rows.items()}))


def _row(target: Target, counts: tuple[int, int, int], reason: str | None) -> dict[str, Any]:
    cost = None if target.price is None else round(target.price.cost(*counts), 10)
    row = {"cost": cost, "available": reason is None, "target": target.id}
    return row if reason is None else {**row, "reason": reason}


def _rank(row: Mapping[str, Any]) -> tuple[bool, float]:
    """Sort key: available before unavailable, then cheapest first, unknown prices last."""
    return not row["available"], inf if row["cost"] is None else row["cost"]


def _unavailable_reason(
    target: Target, request: RoutingRequest, known: Signals, check: RequestCheck | None
) -> str | None:
    signal = known.table.get(target.id, request.policy.performance_window)
    excluded = static_exclusion(target, request) or (check(target, signal).exclusion if check else None)
    busy = "busy" if limit_wait_ms(target, known.limited_for_ms) else None
    down = signal.available_in_ms > 0 or signal.availability.is_down
    return excluded or ("down" if down else busy)


def _counts(body: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the tokens of the prompt, of the completion, and of the cached part of the prompt."""
    prompt, completion = _tokens(body, "prompt_tokens"), _tokens(body, "completion_tokens")
    cached = _tokens({"cached_tokens": 0, **body}, "cached_tokens")
    if cached > prompt:
        raise _invalid("cached_tokens", "must not exceed 'prompt_tokens'")
    return prompt, completion, cached


def _tokens(body: Mapping[str, Any], name: str) -> int:
    count = body.get(name)
    if type(count) is not int or not 0 <= count <= MAX_TOKENS:
        raise _invalid(name, f"must be an integer from 0 to {MAX_TOKENS}")
    return count


def _invalid(name: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"'{name}' {what}", param=name, code="invalid_value")
