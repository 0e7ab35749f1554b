"""Puts one attempt into its target's format, and the answer back into OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from msgspec.structs import replace

from proxy.attempts.transform_failures import Guard, request_failure, response_failure
from proxy.dialects import DIALECTS
from proxy.dialects.contract import Asking, Call, Dialect, Reading
from proxy.dialects.faults import told
from proxy.dialects.openai.events import error_of
from proxy.dialects.openai.request import replaced
from proxy.dialects.parse import parse_or_none
from proxy.dialects.shapes import object_of
from proxy.errors import UpstreamFailure
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Ahead, Answer, Body, Response, Staged
from proxy.redaction import RedactingStage, Redactor
from proxy.resilience.resume import continued
from proxy.routing.facts import LIMITS, Facts
from proxy.sse import decode, frames


@dataclass(frozen=True, slots=True)
class Translate:
    """Where both sides speak the same dialect, what passes is not written anew."""

    unsupported_params: Literal["drop", "error"] = "drop"
    """A parameter the target cannot express: left out with a warning, or the target is left out."""

    async def __call__(self, attempt: Attempt, handler: Handler[Attempt]) -> Response:
        exchange, target = attempt.exchange, attempt.step.target
        dialect = DIALECTS[target.provider.dialect]
        attempt.asking = _asking(attempt, dialect)
        if (cut := attempt.step.max_tokens) is not None:
            warnings = (f"max-tokens-clamped;value={cut}", *attempt.asking.warnings)
            attempt.asking = replace(attempt.asking, warnings=warnings)
        response = await handler(attempt)
        exchange.warnings.extend(attempt.asking.warnings)
        attempt.answer.requested_choices = exchange.facts.n
        reading = _reading(attempt, exchange, exchange.facts, attempt.asking)
        try:
            with Guard(attempt, "response"):
                response.body = await _translate(response.body, target.provider.redactor, dialect, reading)
        except BaseException:
            response.close()
            raise
        return response


def _asking(attempt: Attempt, dialect: Dialect) -> Asking:
    """The request in the target's format. Raises InvalidRequest for what it cannot express."""
    with Guard(attempt, "request", request_failure):
        return _with_members(dialect.ask(_call(attempt)), attempt.step.target.body)


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


async def _translate(body: bytes | Body, redactor: Redactor, dialect: Dialect, reading: Reading) -> bytes | Body:
    """Return the answer in OpenAI's format. Raises UpstreamFailure if there is none."""
    if isinstance(body, bytes):
        return dialect.answer(body, reading)
    stage = RedactingStage(redactor, dialect.stream(reading))
    return await _opened(Staged(body, stage, reading.answer), reading.answer)


async def _opened(body: Staged, seen: Answer) -> Body:
    """The stream after its first part was read; an error ahead of any content is a failed attempt, not an answer."""
    first = await body.read()
    if (seen.error or not first) and (failure := _failure_of(first)) is not None:
        raise failure
    return Ahead(body, first)


def _failure_of(first: bytes) -> UpstreamFailure | None:
    """The failure that a stream's first part begins with; None where content comes before it."""
    opening = next((event.data for event in map(decode, frames(first)) if DIALECTS["openai"].begins(event)), None)
    if opening is None:
        return told({"message": "the provider's stream had nothing in it"})
    error = error_of(object_of(parse_or_none(opening)))
    return None if error is None else told(error)


def _reading(attempt: Attempt, exchange: Exchange, facts: Facts, asking: Asking) -> Reading:
    return Reading(
        provider=attempt.step.target.provider.name,
        model=attempt.step.target.model,
        id=f"chatcmpl-{exchange.id}",
        created=int(exchange.services.wall()),
        show_usage=facts.show_usage,
        names=asking.names,
        answer=attempt.answer,
        on_exception=partial(response_failure, attempt, "stream"),
    )
