"""Translates Cohere's non-streaming responses, usage and errors into OpenAI's format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import arguments_of, content_of, count_of, count_or_none, object_of, objects_of, text_of
from proxy.dialects.cohere.tables import FAILED_FINISH_REASONS, FINISH_REASONS
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import CONTEXT_LENGTH, OVERLOADED, error_response, message_from_body
from proxy.dialects.hub.completion import build_choice, build_completion, build_tool_call, build_usage, call_id_stem
from proxy.dialects.hub.success_body import parse_success_body
from proxy.errors import MalformedResponse, UpstreamErrorResponse
from proxy.messages import Headers

_MONTHLY_LIMIT = re.compile(r"calls? ?/ ?month|per month|monthly", re.IGNORECASE)
_TOO_LONG = re.compile(r"too many tokens|context (?:length|window)", re.IGNORECASE)
_INVALID_TOKEN = 498


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Translate a 200 body into a chat completion. Raises MalformedResponse if it has no message or generation failed."""
    body = parse_success_body(data)
    message, reason = body.get("message"), text_of(body.get("finish_reason"))
    if not isinstance(message, dict):
        raise MalformedResponse(f"the provider answered 200 without an answer: {message_from_body(data)}")
    if reason in FAILED_FINISH_REASONS:
        raise MalformedResponse(f"the provider ended the answer with {reason}")
    members = {
        "id": text_of(body.get("id")) or None,
        "choices": [build_choice(_message(message, context), finish_reason(reason))],
        "usage": to_openai_usage(body.get("usage")),
    }
    return build_completion(members, context)


def finish_reason(reason: str) -> str:
    """Return OpenAI's finish reason. Unknown reasons become `stop`."""
    return FINISH_REASONS.get(reason, "stop")


def to_openai_usage(usage: Any) -> dict[str, Any] | None:
    """Translate token counts to integers. Billed units are used for counts that are missing or 0. None without usage."""
    if not isinstance(usage, dict):
        return None
    counts, billed = object_of(usage.get("tokens")), object_of(usage.get("billed_units"))
    prompt, completion = (
        count_of(counts.get(name)) or count_of(billed.get(name)) for name in ("input_tokens", "output_tokens")
    )
    return build_usage(prompt, completion, {"cached_tokens": count_or_none(usage.get("cached_tokens"))})


def _message(message: Mapping[str, Any], context: ResponseContext) -> dict[str, Any]:
    """Translate a message. Its `tool_plan` becomes reasoning, like its thinking."""
    reasoning = "".join((*_content_texts(message.get("content"), "thinking"), content_of(message.get("tool_plan"))))
    calls = [
        _call(call, f"call_{call_id_stem(context)}_{index}", context.tool_names)
        for index, call in enumerate(objects_of(message.get("tool_calls")))
    ]
    text = "".join(_content_texts(message.get("content"), "text"))
    return {
        "content": text if text or not calls else None,
        "reasoning_content": reasoning or None,
        "tool_calls": calls,
    }


def _content_texts(content: Any, kind: str) -> Iterable[str]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if content and len(objects_of(content)) < len(content if isinstance(content, list) else [content]):
        raise MalformedResponse("the provider answered with invalid content")
    return (content_of(part.get(kind)) for part in objects_of(content) if part.get("type") == kind)


def _call(call: Mapping[str, Any], default_id: str, names: Mapping[str, str]) -> dict[str, Any]:
    function = object_of(call.get("function"))
    name, arguments = content_of(function.get("name")), arguments_of(function.get("arguments"))
    return build_tool_call(text_of(call.get("id")) or default_id, name, arguments or "{}", names)


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """Translate an error response. A monthly limit and a context overflow are recognised only by the message."""
    message = message_from_body(body)
    code = None
    if status == 429 and _MONTHLY_LIMIT.search(message):
        code = "insufficient_quota"
    elif status in (400, 413, 422) and _TOO_LONG.search(message):
        status, code = 400, CONTEXT_LENGTH
    elif status == 503:
        code = OVERLOADED
    return error_response(400 if status == _INVALID_TOKEN else status, headers, message, code=code)
