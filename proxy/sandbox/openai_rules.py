"""What OpenAI refuses in a chat request besides unknown members: rules, each with the error that it answers with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.sandbox.chat_rules import (
    Rule,
    calls_of,
    has_open_calls,
    has_other_members,
    has_other_tool_members,
    has_other_urls,
    parts_of,
    tool_names,
)

# Reasoning models: their limit, max_completion_tokens, includes the reasoning tokens.
REASONING_MODEL = re.compile(r"(?:ft:)?(?:o\d|gpt-(?:[5-9]|1\d)(?!.*chat))")
_FIXED = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_DEFAULTS = (None, 1, 0)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE_ID = re.compile(r"file-\w")
_MAX_ID_LENGTH = 40
_PARTS = "type text refusal image_url input_audio file prompt_cache_breakpoint"


def _reasons(body: Mapping[str, Any]) -> bool:
    return REASONING_MODEL.match(body["model"]) is not None


def _samples(body: Mapping[str, Any]) -> bool:
    return any(body.get(name) not in _DEFAULTS for name in _FIXED)


def _has_picture_in_result(body: Mapping[str, Any]) -> bool:
    return any(part.get("type") == "image_url" for part in parts_of(body, "tool"))


def _has_other_file(body: Mapping[str, Any]) -> bool:
    """Whether a file is given by something else than a data: URL or the id of a stored file."""
    files = [part.get("file") or {} for part in parts_of(body) if part.get("type") == "file"]
    return not all(
        str(file.get("file_data")).startswith("data:") or _FILE_ID.match(str(file.get("file_id"))) for file in files
    )


RULES: tuple[Rule, ...] = (
    Rule(
        has_other_tool_members, "tools", "unknown_parameter", "Unknown parameter: 'tools[0]' has a member that is not known.",
    ),
    Rule(
        lambda body: any(has_other_members(part, _PARTS) for part in parts_of(body)), "messages", "unknown_parameter",
        "Unknown parameter: a part of 'messages' has a member that is not known.",
    ),
    Rule(
        lambda body: body.get("max_tokens") is not None and _reasons(body), "max_tokens", "unsupported_parameter",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ),
    Rule(
        lambda body: None not in (body.get("max_tokens"), body.get("max_completion_tokens")),
        "max_tokens", "invalid_parameter_combination",
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
    ),
    Rule(
        lambda body: _reasons(body) and body.get("reasoning_effort") != "none" and _samples(body),
        "temperature", "unsupported_value", "Only the default value of sampling parameters is supported with this model.",
    ),
    Rule(
        lambda body: _reasons(body) and bool(body.get("stop")), "stop", "unsupported_parameter",
        "Unsupported parameter: 'stop' is not supported with this model.",
    ),
    Rule(
        lambda body: any(len(str(call.get("id"))) > _MAX_ID_LENGTH for call in calls_of(body)),
        "messages", "string_above_max_length",
        f"Invalid 'tool_calls[0].id': string too long. Expected a string with maximum length {_MAX_ID_LENGTH}.",
    ),
    Rule(
        lambda body: not all(map(_NAME.fullmatch, tool_names(body))), "tools", "invalid_value",
        "Invalid 'tools[0].function.name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'.",
    ),
    Rule(
        lambda body: any(one.get("tool_calls") == [] for one in body["messages"]), "messages", "empty_array",
        "Invalid 'tool_calls': empty array. Expected an array with minimum length 1.",
    ),
    Rule(
            has_open_calls, "messages", "invalid_value",
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.",
    ),
    Rule(
        lambda body: has_other_urls(body, "image_url", "data: https:// http://"), "messages", "invalid_image_url",
        "Invalid image URL. Expected a valid http or https URL, or a base64-encoded data URL.",
    ),
    Rule(
        _has_other_file, "messages", "invalid_value",
        "Invalid file data. Expected a base64-encoded data URL, or the ID of an uploaded file.",
    ),
    Rule(
        _has_picture_in_result, "messages", "invalid_value", "Image URLs are only allowed for messages with role 'user'.",
    ),
)  # fmt: skip
"""From OpenAI's documentation and its errors."""
