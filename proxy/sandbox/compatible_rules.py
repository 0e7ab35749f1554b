"""What OpenAI-compatible hosts refuse in messages: what other vendors' answers and OpenAI's newest formats have."""

from __future__ import annotations

from proxy.sandbox.chat_rules import (
    Body,
    Rule,
    calls_of,
    has_other_members,
    has_other_tool_members,
    has_other_tools,
    parts_of,
)

_ROLES = ("system", "user", "assistant", "tool")
_INVALID = "invalid_request_error"


def _has_null(body: Body) -> bool:
    return any(one[name] is None for one in body["messages"] for name in one if name != "content")


RULES: tuple[Rule, ...] = (
    Rule(has_other_tool_members, "tools", _INVALID, "tools: a property is unsupported"),
    Rule(lambda body: "cache_control" in body, "cache_control", _INVALID, "property 'cache_control' is unsupported"),
    Rule(has_other_tools, "tools", _INVALID, "tools: unknown variant `custom`, expected `function`"),
    Rule(
        lambda body: "functions" in body or "function_call" in body, "functions", _INVALID,
        "property 'functions' is unsupported",
    ),
    Rule(
        lambda body: any(one["role"] not in _ROLES for one in body["messages"]), "messages", _INVALID,
        f"messages: unknown variant, expected one of {', '.join(_ROLES)}",
    ),
    Rule(
        lambda body: any(
            has_other_members(one, "role content name tool_calls tool_call_id reasoning") for one in body["messages"]
        ),
        "messages", _INVALID, "messages: a property is unsupported",
    ),
    Rule(_has_null, "messages", _INVALID, "messages: a property must not be null"),
    Rule(
        lambda body: any(has_other_members(call, "id type function") for call in calls_of(body)),
        "messages", _INVALID, "messages: a property of 'tool_calls' is unsupported",
    ),
    Rule(
        lambda body: any(
            has_other_members(part, "type text image_url input_audio file document") for part in parts_of(body)
        ),
        "messages", _INVALID, "messages: a property of 'content' is unsupported",
    ),
    Rule(
        lambda body: any(part.get("type") == "image_url" for part in parts_of(body, "system", "assistant", "tool")),
        "messages", _INVALID, "messages: images are only allowed with role 'user'",
    ),
    Rule(
        lambda body: any(one.get("tool_calls") == [] for one in body["messages"]), "messages", _INVALID,
        "messages: 'tool_calls' must not be empty",
    ),
)  # fmt: skip
"""From the errors of Groq and DeepSeek."""
