"""What Mistral refuses in a chat request besides unknown members: rules, each with the error that it answers with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.sandbox.chat_rules import (
    Body,
    Rule,
    calls_of,
    has_open_calls,
    has_other_members,
    has_other_tools,
    has_other_urls,
    parts_of,
    tool_names,
)
from proxy.sandbox.limits import MAX_TOOLS

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CHUNKS: Mapping[str, str] = {
    "text": "type text",
    "image_url": "type image_url",
    "document_url": "type document_url document_name",
    "input_audio": "type input_audio",
    "reference": "type reference_ids",
    "file": "type file_id",
    "thinking": "type thinking closed signature",
}
"""Type of a content chunk -> its members."""
_FORMATS = ("text", "json_object", "json_schema")
_CHOICES = ("auto", "none", "any", "required")


def _is_unknown_chunk(chunk: Mapping[str, Any]) -> bool:
    known = _CHUNKS.get(str(chunk.get("type")))
    return known is None or has_other_members(chunk, known)


def _has_other_call(body: Body) -> bool:
    return any(
        has_other_members(call, "id type function index") or has_other_members(call["function"], "name arguments")
        for call in calls_of(body)
    )


def _has_other_format(body: Body) -> bool:
    shape = body.get("response_format") or {}
    schema = shape.get("json_schema") or {}
    return has_other_members(shape, "type json_schema") or has_other_members(schema, "name description schema strict")


RULES: tuple[Rule, ...] = (
    Rule(has_other_tools, "tools.0.type", "literal_error", "Input should be 'function'", 422),
    Rule(
        lambda body: any(map(_is_unknown_chunk, parts_of(body))),
        "messages", "extra_forbidden", "Extra inputs are not permitted", 422,
    ),
    Rule(
        lambda body: any(not isinstance(part.get("input_audio", ""), str) for part in parts_of(body)),
        "messages", "string_type", "Input should be a valid string", 422,
    ),
    Rule(
        lambda body: has_other_urls(body, "image_url document_url", "data: https://"), "messages", "3310",
        "Files could not be fetched: the URL must be an https:// or a data: URL",
    ),
    Rule(_has_other_call, "messages", "extra_forbidden", "Extra inputs are not permitted", 422),
    Rule(_has_other_format, "response_format", "extra_forbidden", "Extra inputs are not permitted", 422),
    Rule(
        lambda body: (body.get("response_format") or {}).get("type", "text") not in _FORMATS,
        "response_format.type", "enum", "Input should be 'text', 'json_object' or 'json_schema'", 422,
    ),
    Rule(
        lambda body: isinstance(body.get("tool_choice"), str) and body["tool_choice"] not in _CHOICES,
        "tool_choice", "enum", "Input should be 'auto', 'none', 'any' or 'required'", 422,
    ),
    Rule(
        lambda body: len(body.get("tools") or ()) > MAX_TOOLS,
        "tools", "too_long", f"List should have at most {MAX_TOOLS} items", 422,
    ),
    Rule(
        lambda body: not all(map(_NAME.fullmatch, tool_names(body))), "tools", "3280",
        "Function name must be a-z, A-Z, 0-9, or contain underscores and dashes, with a maximum length of 64.",
    ),
    Rule(has_open_calls, "messages", "3230", "Not the same number of function calls and responses"),
)  # fmt: skip
"""From Mistral's SDK (3.7) and its errors."""
