"""Translates non-streaming responses, usage and errors of Anthropic's Messages API into OpenAI's format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.dialects.anthropic.json_answer import AS_TEXT
from proxy.dialects.anthropic.tables import ERROR_STATUS, QUOTA_CODES, SERVED_TIERS, finish_reason
from proxy.dialects.anthropic.thinking import thinking_blocks
from proxy.dialects.anthropic.web_search import message_annotations
from proxy.dialects.coerce import count_of, count_or_none, object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import (
    CONTENT_FILTER,
    CONTEXT_LENGTH,
    OVERLOADED,
    error_response,
    message_from_body,
    message_from_value,
)
from proxy.dialects.hub.completion import build_choice, build_completion, build_tool_call, build_usage
from proxy.dialects.hub.success_body import parse_success_body
from proxy.dialects.lenient_json import parse_or_none, serialize
from proxy.errors import MalformedResponse, UpstreamErrorResponse
from proxy.messages import Headers

_CODES = {
    "overloaded_error": OVERLOADED,
    "billing_error": "insufficient_quota",
    "ramp_limit_exceeded": "slow_down",
} | dict.fromkeys(QUOTA_CODES, "insufficient_quota")
_MESSAGE_PATTERNS = (
    (re.compile(r"prompt is too long|exceeds? (?:the )?context (?:limit|window)", re.IGNORECASE), CONTEXT_LENGTH),
    (re.compile(r"credit balance is too low|usage limits", re.IGNORECASE), "insufficient_quota"),
    (re.compile(r"content[ _](?:filter|policy)", re.IGNORECASE), CONTENT_FILTER),
    (re.compile(r"Extra inputs are not permitted"), "unknown_parameter"),
)


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Translate a 200 body into a chat completion. Raises MalformedResponse if it is not a message."""
    body = parse_success_body(data)
    if body.get("type") == "error":
        raise MalformedResponse(f"the provider answered 200 with an error: {message_from_body(data)}")
    if not isinstance(body.get("content"), list):
        raise MalformedResponse("the provider answered 200 without an answer in it")
    return build_completion(_completion_members(body, context), context)


def _completion_members(body: Mapping[str, Any], context: ResponseContext) -> dict[str, Any]:
    counts, message = object_of(body.get("usage")), _message(body, context)
    reason = finish_reason(text_of(body.get("stop_reason")), has_calls=bool(message["tool_calls"]))
    return {
        "id": body.get("id"),
        "model": body.get("model"),
        "choices": [build_choice(message, reason)],
        "usage": to_openai_usage(counts),
        "service_tier": served_tier(counts),
    }


def _message(body: Mapping[str, Any], context: ResponseContext) -> dict[str, Any]:
    blocks = body["content"]
    if not all(isinstance(block, dict) for block in blocks):
        raise MalformedResponse("the provider answered with a block that is not an object")
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    answers = [_input(call) for call in calls if is_answer(call, context)]
    return {
        "content": "".join(answers) or _join_text(blocks, "text"),
        "refusal": refusal(body),
        "annotations": message_annotations(blocks) or None,
        "reasoning_content": _join_text(blocks, "thinking"),
        "thinking_blocks": thinking_blocks(blocks, text_of(body.get("model")) or context.model),
        "tool_calls": [
            build_tool_call(_text(call, "id"), _text(call, "name"), _input(call), context.tool_names)
            for call in calls
            if not is_answer(call, context)
        ],
    }


def is_answer(call: Mapping[str, Any], context: ResponseContext) -> bool:
    """Whether a call is that of the tool whose input is the text of the answer."""
    return context.tool_names.get(text_of(call.get("name"))) == AS_TEXT


def _input(call: Mapping[str, Any]) -> str:
    return serialize(call.get("input") or {}).decode()


def _join_text(blocks: list[Any], kind: str) -> str | None:
    """Join the text of all blocks of one type. Returns None if it is empty."""
    return "".join(_text(block, kind) for block in blocks if block.get("type") == kind) or None


def _text(block: Mapping[str, Any], name: str) -> str:
    text = block.get(name)
    if not isinstance(text, str):
        raise MalformedResponse(
            f"the provider answered with a block of type {block['type']} whose {name} is not a string"
        )
    return text


def refusal(message: Mapping[str, Any]) -> str | None:
    """Return the explanation of a refusal, if any. `message` is a response or the `delta` of a `message_delta` event."""
    details = message.get("stop_details") if message.get("stop_reason") == "refusal" else None
    return text_of(object_of(details).get("explanation")) or None


def served_tier(counts: Any) -> str | None:
    """Return OpenAI's name of the service tier in the usage, or None if it has none of them."""
    return SERVED_TIERS.get(text_of(object_of(counts).get("service_tier")))


def to_openai_usage(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Translate token counts. OpenAI's `prompt_tokens` includes tokens read from or written to the cache."""
    cache_read, cache_write = counts.get("cache_read_input_tokens"), counts.get("cache_creation_input_tokens")
    thinking = object_of(counts.get("output_tokens_details")).get("thinking_tokens")
    return build_usage(
        count_of(counts.get("input_tokens")) + count_of(cache_read) + count_of(cache_write),
        count_of(counts.get("output_tokens")),
        {"cached_tokens": count_or_none(cache_read), "cache_write_tokens": count_or_none(cache_write)},
        {"reasoning_tokens": count_or_none(thinking)},
    )


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """Translate an error response. If the body is not Anthropic's error format, the status alone decides the code."""
    members = _error_object(body)
    message = message_from_body(body)
    return error_response(status, headers, message, code=_code(members, message))


def error_from_event(event: Mapping[str, Any]) -> UpstreamErrorResponse:
    """Translate the `error` event of a stream. Its error type decides the status, as in a non-streaming response."""
    members = object_of(event.get("error"))
    message = message_from_value(event.get("error")) or "the provider ended the stream with an error"
    return error_response(ERROR_STATUS.get(str(members.get("type")), 500), {}, message, code=_code(members, message))


def _error_object(body: bytes) -> Mapping[str, Any]:
    return object_of(object_of(parse_or_none(body)).get("error"))


def _code(members: Mapping[str, Any], message: str) -> str | None:
    """Return OpenAI's error code for the error's details, type or message. None if the status decides."""
    details = members.get("details")
    values = (details.get("error_code") if isinstance(details, dict) else None, members.get("type"))
    from_members = (_CODES[value] for value in values if isinstance(value, str) and value in _CODES)
    from_message = (code for pattern, code in _MESSAGE_PATTERNS if pattern.search(message))
    return next(from_members, None) or next(from_message, None)
