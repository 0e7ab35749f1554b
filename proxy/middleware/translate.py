"""Puts one attempt into its target's format, and the answer back into OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from msgspec.structs import replace

from proxy.attempts.transform_failures import Guard, request_failure, response_failure
from proxy.dialects import DIALECTS
from proxy.dialects.coerce import object_of
from proxy.dialects.contract import CallerRequest, Dialect, ProviderRequest, ResponseContext
from proxy.dialects.errors import error_from_stream
from proxy.dialects.hub.events import error_of, has_content
from proxy.dialects.hub.request_members import replace_members
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import UpstreamError
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Body, CompletionState, PeekedBody, Response, TransformedBody
from proxy.redaction import RedactingTransform, Redactor
from proxy.resilience.resume import continuation_members
from proxy.routing.facts import MAX_TOKENS_MEMBERS, Facts
from proxy.sse import decode, split_frames


@dataclass(frozen=True, slots=True)
class Translate:
    """Where both sides speak the same dialect, what passes is not written anew."""

    unsupported_params: Literal["drop", "error"] = "drop"
    """A parameter the target cannot express: left out with a warning, or the target is left out."""

    async def __call__(self, attempt: Attempt, handler: Handler[Attempt]) -> Response:
        exchange, target = attempt.exchange, attempt.step.target
        dialect = DIALECTS[target.provider.dialect]
        attempt.provider_request = _asking(attempt, dialect)
        if (cut := attempt.step.max_tokens) is not None:
            warnings = (f"max-tokens-clamped;value={cut}", *attempt.provider_request.warnings)
            attempt.provider_request = replace(attempt.provider_request, warnings=warnings)
        response = await handler(attempt)
        exchange.warnings.extend(attempt.provider_request.warnings)
        attempt.completion.requested_choices = exchange.facts.n
        reading = _reading(attempt, exchange, exchange.facts, attempt.provider_request)
        try:
            with Guard(attempt, "response"):
                response.body = await _translate(response.body, target.provider.redactor, dialect, reading)
        except BaseException:
            response.close()
            raise
        return response


def _asking(attempt: Attempt, dialect: Dialect) -> ProviderRequest:
    """The request in the target's format. Raises InvalidRequestError for what it cannot express."""
    with Guard(attempt, "request", request_failure):
        return _with_members(dialect.build_request(_call(attempt)), attempt.step.target.body)


def _call(attempt: Attempt) -> CallerRequest:
    """The caller's request, its answer cut to what the plan allows."""
    exchange, target, cut = attempt.exchange, attempt.step.target, attempt.step.max_tokens
    body, raw = exchange.body, exchange.raw
    if cut is not None:
        known = MAX_TOKENS_MEMBERS[exchange.endpoint]
        cuts = dict.fromkeys([name for name in known if name in body] or known[:1], cut)
        body, raw = {**body, **cuts}, replace_members(raw, cuts)
    if attempt.prefix is not None:
        changes = continuation_members(body, attempt.prefix)
        body, raw = {**body, **changes}, replace_members(raw, changes)
    extras = exchange.policy.dialect_options
    return CallerRequest(exchange.endpoint, body, raw, target.model, exchange.facts.stream, extras)


def _with_members(asking: ProviderRequest, members: Mapping[str, Any]) -> ProviderRequest:
    """The members that the file adds to every request of that region."""
    return replace(asking, body=replace_members(asking.body, dict(members), drop=())) if members else asking


async def _translate(
    body: bytes | Body, redactor: Redactor, dialect: Dialect, reading: ResponseContext
) -> bytes | Body:
    """Return the answer in OpenAI's format. Raises UpstreamError if there is none."""
    if isinstance(body, bytes):
        return dialect.translate_response(body, reading)
    stage = RedactingTransform(redactor, dialect.stream_translator(reading))
    return await _opened(TransformedBody(body, stage, reading.answer), reading.answer)


async def _opened(body: TransformedBody, seen: CompletionState) -> Body:
    """The stream after its first part was read; an error ahead of any content is a failed attempt, not an answer."""
    first = await body.read()
    if (seen.error or not first) and (failure := _failure_of(first)) is not None:
        raise failure
    return PeekedBody(body, first)


def _failure_of(first: bytes) -> UpstreamError | None:
    """The failure that a stream's first part begins with; None where content comes before it."""
    opening = next((event.data for event in map(decode, split_frames(first)) if has_content(event)), None)
    if opening is None:
        return error_from_stream({"message": "the provider's stream had nothing in it"})
    error = error_of(object_of(parse_or_none(opening)))
    return None if error is None else error_from_stream(error)


def _reading(attempt: Attempt, exchange: Exchange, facts: Facts, asking: ProviderRequest) -> ResponseContext:
    return ResponseContext(
        provider=attempt.step.target.provider.name,
        model=attempt.step.target.model,
        id=f"chatcmpl-{exchange.id}",
        created=int(exchange.runtime.wall()),
        show_usage=facts.include_usage,
        tool_names=asking.tool_names,
        answer=attempt.completion,
        on_exception=partial(response_failure, attempt, "stream"),
    )
