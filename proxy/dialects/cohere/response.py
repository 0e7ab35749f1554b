"""A whole answer of Cohere as OpenAI's, and its refusals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import arguments_of, content_of, count_of, count_or_none, object_of, objects_of, text_of
from proxy.dialects.cohere.tables import FAILED_FINISH_REASONS, FINISH_REASONS
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import CONTEXT_LENGTH, error_response, message_from_body
from proxy.dialects.hub.completion import build_choice, build_completion, build_tool_call
from proxy.dialects.hub.completion import build_usage as counted
from proxy.dialects.hub.success_body import parse_success_body
from proxy.errors import MalformedResponse, UpstreamErrorResponse
from proxy.messages import Headers

_MONTHLY = re.compile(r"calls? ?/ ?month|per month|monthly", re.IGNORECASE)
_TOO_LONG = re.compile(r"too many tokens|context (?:length|window)", re.IGNORECASE)
_INVALID_TOKEN = 498


def translate_response(data: bytes, reading: ResponseContext) -> bytes:
    """OpenAI's answer. Raises MalformedResponse if there is none in it, or it ended in an error."""
    body = parse_success_body(data)
    message, reason = body.get("message"), text_of(body.get("finish_reason"))
    if not isinstance(message, dict):
        raise MalformedResponse(f"the provider answered 200 without an answer: {message_from_body(data)}")
    if reason in FAILED_FINISH_REASONS:
        raise MalformedResponse(f"the provider ended the answer with {reason}")
    said = {
        "id": text_of(body.get("id")) or None,
        "choices": [build_choice(_message(message, reading), finish_reason(reason))],
        "usage": to_openai_usage(body.get("usage")),
    }
    return build_completion(said, reading)


def finish_reason(reason: str) -> str:
    """OpenAI's finish reason; one not known here is `stop`."""
    return FINISH_REASONS.get(reason, "stop")


def to_openai_usage(said: Any) -> dict[str, Any] | None:
    """OpenAI's counts, as whole numbers; what was billed stands in where the tokens are not told."""
    if not isinstance(said, dict):
        return None
    counts = object_of(said.get("tokens") or said.get("billed_units"))
    prompt, completion = (count_of(counts.get(name)) for name in ("input_tokens", "output_tokens"))
    return counted(prompt, completion, {"cached_tokens": count_or_none(said.get("cached_tokens"))})


def _message(message: Mapping[str, Any], reading: ResponseContext) -> dict[str, Any]:
    """The plan made before calling tools is thought like any other."""
    thought = "".join((*_said(message.get("content"), "thinking"), content_of(message.get("tool_plan"))))
    found = enumerate(objects_of(message.get("tool_calls")))
    calls = [_call(call, f"call_{reading.id}_{index}", reading.tool_names) for index, call in found]
    text = "".join(_said(message.get("content"), "text"))
    return {
        "content": text if text or not calls else None,
        "reasoning_content": thought or None,
        "tool_calls": calls,
    }


def _said(content: Any, kind: str) -> Iterable[str]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return (content_of(part.get(kind)) for part in objects_of(content) if part.get("type") == kind)


def _call(call: Mapping[str, Any], spare_id: str, names: Mapping[str, str]) -> dict[str, Any]:
    function = object_of(call.get("function"))
    name, arguments = content_of(function.get("name")), arguments_of(function.get("arguments"))
    return build_tool_call(text_of(call.get("id")) or spare_id, name, arguments or "{}", names)


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """A refusal in OpenAI's words; only the message tells a spent trial and too long a conversation from others."""
    message = message_from_body(body)
    code = None
    if status == 429 and _MONTHLY.search(message):
        code = "insufficient_quota"
    elif status in (400, 413, 422) and _TOO_LONG.search(message):
        status, code = 400, CONTEXT_LENGTH
    return error_response(400 if status == _INVALID_TOKEN else status, headers, message, code=code)
