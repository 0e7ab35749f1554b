"""A whole answer or an error of the Messages API, in OpenAI's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.dialects.anthropic.tables import ERROR_STATUS, QUOTA_CODES, SERVED_TIERS, finish_reason
from proxy.dialects.coerce import count_of, count_or_none, object_of, text_of
from proxy.dialects.contract import ResponseContext
from proxy.dialects.errors import CONTEXT_LENGTH, OVERLOADED, error_response, message_from_body, message_from_value
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
_SAID = (
    (re.compile(r"prompt is too long|exceeds? (?:the )?context (?:limit|window)", re.IGNORECASE), CONTEXT_LENGTH),
    (re.compile(r"credit balance is too low|usage limits", re.IGNORECASE), "insufficient_quota"),
    (re.compile(r"Extra inputs are not permitted"), "unknown_parameter"),
)


def translate_response(data: bytes, reading: ResponseContext) -> bytes:
    """The answer as a chat completion. Raises MalformedResponse if it is none."""
    body = parse_success_body(data)
    if body.get("type") == "error":
        raise MalformedResponse(f"the provider answered 200 with an error: {message_from_body(data)}")
    if not isinstance(body.get("content"), list):
        raise MalformedResponse("the provider answered 200 without an answer in it")
    return build_completion(_said(body, reading), reading)


def _said(body: Mapping[str, Any], reading: ResponseContext) -> dict[str, Any]:
    counts = object_of(body.get("usage"))
    return {
        "id": body.get("id"),
        "model": body.get("model"),
        "choices": [build_choice(_message(body, reading), finish_reason(text_of(body.get("stop_reason"))))],
        "usage": to_openai_usage(counts),
        "service_tier": SERVED_TIERS.get(text_of(counts.get("service_tier"))),
    }


def _message(body: Mapping[str, Any], reading: ResponseContext) -> dict[str, Any]:
    blocks = body["content"]
    if not all(isinstance(block, dict) for block in blocks):
        raise MalformedResponse("the provider answered with a block that is not an object")
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    return {
        "content": _joined(blocks, "text"),
        "refusal": refusal(body),
        "reasoning_content": _joined(blocks, "thinking"),
        "tool_calls": [
            build_tool_call(
                _text(call, "id"), _text(call, "name"), serialize(call.get("input") or {}).decode(), reading.tool_names
            )
            for call in calls
        ],
    }


def _joined(blocks: list[Any], kind: str) -> str | None:
    """The text of all blocks of a kind; None if there is none."""
    return "".join(_text(block, kind) for block in blocks if block.get("type") == kind) or None


def _text(block: Mapping[str, Any], name: str) -> str:
    text = block.get(name)
    if not isinstance(text, str):
        raise MalformedResponse(
            f"the provider answered with a block of type {block['type']} whose {name} is not a string"
        )
    return text


def refusal(said: Mapping[str, Any]) -> str | None:
    """Why the model will not answer, where it says so; `said` is an answer or the `delta` of a `message_delta`."""
    details = said.get("stop_details") if said.get("stop_reason") == "refusal" else None
    return text_of(object_of(details).get("explanation")) or None


def to_openai_usage(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Usage in OpenAI's terms, where the prompt includes what was read from the cache or written to it."""
    read, written = counts.get("cache_read_input_tokens"), counts.get("cache_creation_input_tokens")
    thinking = object_of(counts.get("output_tokens_details")).get("thinking_tokens")
    return build_usage(
        count_of(counts.get("input_tokens")) + count_of(read) + count_of(written),
        count_of(counts.get("output_tokens")),
        {"cached_tokens": count_or_none(read), "cache_write_tokens": count_or_none(written)},
        {"reasoning_tokens": count_or_none(thinking)},
    )


def translate_error(status: int, headers: Headers, body: bytes) -> UpstreamErrorResponse:
    """A refusal in OpenAI's words; where the body is not Anthropic's, the status tells what it is."""
    members = _members(body)
    message = message_from_body(body)
    return error_response(status, headers, message, code=_code(members, message))


def error_from_event(event: Mapping[str, Any]) -> UpstreamErrorResponse:
    """The `translate_error` event of a stream, with the status that a whole answer would have had."""
    members = object_of(event.get("error"))
    message = message_from_value(event.get("error")) or "the provider broke off with an error"
    return error_response(ERROR_STATUS.get(str(members.get("type")), 500), {}, message, code=_code(members, message))


def _members(body: bytes) -> Mapping[str, Any]:
    return object_of(object_of(parse_or_none(body)).get("error"))


def _code(members: Mapping[str, Any], message: str) -> str | None:
    """OpenAI's code where type, detail or message is one that has it; else the status decides."""
    details = members.get("details")
    words = (details.get("error_code") if isinstance(details, dict) else None, members.get("type"))
    known = (_CODES[word] for word in words if isinstance(word, str) and word in _CODES)
    read = (code for pattern, code in _SAID if pattern.search(message))
    return next(known, None) or next(read, None)
