"""Puts one attempt into its target's format, and the answer back into OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from msgspec.structs import replace

from proxy.dialects import DIALECTS
from proxy.dialects.contract import Asking, Call, Reading
from proxy.dialects.faults import told
from proxy.dialects.openai.request import replaced
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Ahead, Answer, Body, Response, Staged
from proxy.resilience.resume import continued
from proxy.routing.facts import LIMITS, Facts
from proxy.sse import Framer, decode


@dataclass(frozen=True, slots=True)
class Translate:
    """Where both sides speak the same dialect, what passes is not written anew."""

    unsupported_params: Literal["drop", "error"] = "drop"
    """A parameter the target cannot express: left out with a warning, or the target is left out."""

    async def __call__(self, attempt: Attempt, handler: Handler[Attempt]) -> Response:
        exchange, target = attempt.exchange, attempt.step.target
        dialect = DIALECTS[target.provider.dialect]
        call = _call(attempt)
        attempt.asking = _with_members(dialect.ask(call), target.body)
        if (cut := attempt.step.max_tokens) is not None:
            warnings = (f"max-tokens-clamped;value={cut}", *attempt.asking.warnings)
            attempt.asking = replace(attempt.asking, warnings=warnings)
        response = await handler(attempt)
        exchange.warnings.extend(attempt.asking.warnings)
        reading = _reading(attempt, exchange, exchange.facts, attempt.asking)
        if isinstance(response.body, bytes):
            response.body = dialect.answer(response.body, reading)
        else:
            response.body = await _opened(
                Staged(response.body, dialect.stream(reading), attempt.answer), attempt.answer
            )
        return response


def _call(attempt: Attempt) -> Call:
    """The caller's request, its answer cut to what the plan allows."""
    exchange, target, cut = attempt.exchange, attempt.step.target, attempt.step.max_tokens
    body, raw = exchange.body, exchange.raw
    if cut is not None:
        known = LIMITS[exchange.endpoint]
        cuts = dict.fromkeys([name for name in known if name in body] or known[:1], cut)
        body, raw = {**body, **cuts}, replaced(raw, cuts)
    if attempt.prefix is not None:
        changes = continued(body, attempt.prefix)
        body, raw = {**body, **changes}, replaced(raw, changes)
    extras = exchange.policy.extras
    return Call(exchange.endpoint, body, raw, target.model, exchange.facts.stream, extras)


def _with_members(asking: Asking, members: Mapping[str, Any]) -> Asking:
    """The members that the file adds to every request of that region."""
    return replace(asking, body=replaced(asking.body, dict(members), drop=())) if members else asking


async def _opened(body: Staged, seen: Answer) -> Body:
    """The stream with its first part in hand; an error ahead of any content is a failed attempt, not an answer."""
    first = await body.read()
    if seen.error or not first:
        events = [decode(frame) for frame in Framer().feed(first)]
        opening = next((event.data for event in events if DIALECTS["openai"].begins(event)), None)
        said = orjson.loads(opening) if opening else {"error": {"message": "the provider's stream had nothing in it"}}
        if "error" in said:
            body.close()
            raise told(said["error"])
    return Ahead(body, first)


def _reading(attempt: Attempt, exchange: Exchange, facts: Facts, asking: Asking) -> Reading:
    return Reading(
        provider=attempt.step.target.provider.name,
        model=attempt.step.target.model,
        id=f"chatcmpl-{exchange.id}",
        created=int(exchange.services.wall()),
        show_usage=facts.show_usage,
        names=asking.names,
        answer=attempt.answer,
    )
