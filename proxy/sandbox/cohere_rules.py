"""What Cohere refuses in the messages, tools and schemas of a chat request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from proxy.sandbox.chat_rules import (
    Body,
    calls_of,
    has_open_calls,
    has_other_members,
    has_other_tools,
    has_other_urls,
    parts_of,
    tool_names,
)

_MEMBERS: Mapping[str, str] = {
    "system": "role content",
    "user": "role content",
    "assistant": "role content tool_plan tool_calls citations",
    "tool": "role content tool_call_id",
}
_PARTS: Mapping[str, str] = {
    "text": "type text",
    "image_url": "type image_url",
    "thinking": "type thinking",
    "document": "type document",
}
"""Type of a part -> its members."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_TOKENS: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"command-a-reasoning"), 32_768),
    (re.compile(r"command-a-"), 8_192),
    (re.compile(r"command-r"), 4_096),
)
"""Model -> its maximum of output tokens. The first match applies."""
_KEYWORDS = frozenset({
    "allOf", "contains", "dependentRequired", "dependentSchemas", "else", "exclusiveMaximum", "exclusiveMinimum", "if",
    "maxContains", "maxItems", "maxLength", "maximum", "maxProperties", "minContains", "minItems", "minLength", "minimum",
    "minProperties", "multipleOf", "not", "oneOf", "patternProperties", "prefixItems", "propertyNames", "then",
    "uniqueItems",
})  # fmt: skip
"""Keywords of JSON Schema that Cohere rejects."""
_MAX_FIELDS = 200


def _schemas(body: Body) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas that the answer must follow, with those in them."""
    shape = (body.get("response_format") or {}).get("json_schema")
    tools = [tool["function"].get("parameters") for tool in body.get("tools") or ()] if body.get("strict_tools") else []
    waiting = [shape, *tools]
    while waiting:
        schema = waiting.pop()
        if isinstance(schema, dict):
            yield schema
            named = [schema.get(name) or {} for name in ("properties", "$defs", "definitions")]
            waiting += [each for schemas in named for each in schemas.values()]
            waiting += [schema.get("items"), *(schema.get("anyOf") or ())]


def _has_other_part(body: Body) -> bool:
    return any(has_other_members(part, _PARTS.get(str(part.get("type")), "")) for part in parts_of(body))


def _asks_for_too_many_tokens(body: Body) -> bool:
    most = next((most for pattern, most in _MOST_TOKENS if pattern.match(body["model"])), None)
    return most is not None and (body.get("max_tokens") or 0) > most


RULES: tuple[tuple[Callable[[Body], bool], str], ...] = (
    (has_other_tools, "a tool must be of type function"),
    (
        lambda body: any(has_other_members(one, _MEMBERS[one["role"]]) for one in body["messages"]),
        "a message has an unknown field",
    ),
    (_has_other_part, "a content has a part of an unknown type, or with an unknown field"),
    (
        lambda body: any(part["type"] == "image_url" for part in parts_of(body, "system", "assistant", "tool")),
        "images must be in a user message",
    ),
    (
        lambda body: has_other_urls(body, "image_url", "data:image/ https://"),
        "an image_url must be an https:// URL or a base64 data URL of an image",
    ),
    (
        lambda body: any(has_other_members(call, "id type function") for call in calls_of(body)),
        "a tool call has an unknown field",
    ),
    (lambda body: not all(map(_NAME.fullmatch, tool_names(body))), "a tool has an invalid name"),
    (has_open_calls, "all tool calls must be followed by their results"),
    (_asks_for_too_many_tokens, "max_tokens is larger than the maximum of output tokens of this model"),
    (lambda body: any(_KEYWORDS & set(schema) for schema in _schemas(body)), "unsupported keyword in a JSON schema"),
    (
        lambda body: any(schema.get("properties") and not schema.get("required") for schema in _schemas(body)),
        "each object of a JSON schema must have a required field",
    ),
    (
        lambda body: sum(len(schema.get("properties") or ()) for schema in _schemas(body)) > _MAX_FIELDS,
        f"JSON schemas must have at most {_MAX_FIELDS} fields",
    ),
    (
        lambda body: (
            bool(body.get("strict_tools"))
            and not all((tool["function"].get("parameters") or {}).get("required") for tool in body.get("tools") or ())
        ),
        "with strict_tools each tool must have a required parameter",
    ),
)
"""Pairs of a check, which is true for an invalid body, and the error message."""
