"""Passes complete answers of the Messages API through to callers who speak it, and records what they contain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.anthropic.response import to_openai_usage
from proxy.dialects.anthropic.tables import finish_reason
from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import message_from_body
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.lenient_json import to_utf8
from proxy.errors import MalformedResponse

_ANSWERS: Mapping[str, tuple[str, type]] = {"messages": ("content", list), "count_tokens": ("input_tokens", int)}
"""The member of a 200 body that is the answer, and its type."""


def native_response(data: bytes, context: ResponseContext) -> bytes:
    """Return the body as it came, with invalid UTF-8 replaced. Raises MalformedResponse if it is not the answer."""
    body = parse_success_body(data)
    if body.get("type") == "error":
        raise MalformedResponse(f"the provider answered 200 with an error: {message_from_body(data)}")
    name, kind = _ANSWERS[context.endpoint]
    if not isinstance(body.get(name), kind):
        raise MalformedResponse(f"the provider answered 200 without `{name}` in it")
    _record(body, context)
    return to_utf8(data)


def _record(body: Mapping[str, Any], context: ResponseContext) -> None:
    state = context.answer
    state.id, state.model = text_of(body.get("id")) or None, text_of(body.get("model")) or context.model
    state.finish_reason, state.done = finish_reason(text_of(body.get("stop_reason")), has_calls=True), True
    if usage := object_of(body.get("usage")):
        state.usage = to_openai_usage(usage)
