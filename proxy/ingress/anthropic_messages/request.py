"""Translates a request to the Messages API into the hub's request."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.params import drop_warnings
from proxy.ingress.anthropic_messages.history import History
from proxy.ingress.anthropic_messages.reasoning import reasoning_effort, thinking_display
from proxy.ingress.anthropic_messages.tools import choice_members, functions, hosted_tools
from proxy.ingress.client_format import HubRequest

_COPIED: Mapping[str, str] = {
    "model": "model",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop_sequences": "stop",
    "stream": "stream",
    "routing": "routing",
}
"""Members whose value does not change -> their name in the hub."""
_TRANSLATED = frozenset(
    {"messages", "system", "tools", "tool_choice", "thinking", "output_config", "metadata", "service_tier"}
)
_IGNORED = frozenset({"cache_control", "diagnostics", "user_profile_id", "workspace_id"})
"""Members that can be left out without changing the answer."""
_SERVICE_TIERS: Mapping[str, str] = {"auto": "auto", "standard_only": "default"}
_MAX_USER_CHARS = 64
"""Characters of `user`. Longer ones are hashed."""


def request_to_hub(body: Mapping[str, Any]) -> HubRequest:
    """Translate a request. Raises InvalidRequestError, with `param`, where it is malformed.

    What only Anthropic has is left out with a warning, as targets that take the request unchanged may still serve it.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid_param("messages", "must be a list of at least one message")
    history = History()
    history.add_system(body.get("system"))
    for index, message in enumerate(messages):
        history.add(message, f"messages[{index}]")
    translated = {
        **{name: body[given] for given, name in _COPIED.items() if body.get(given) is not None},
        "messages": history.messages,
        **({"tools": offered} if (offered := functions(body)) else {}),
        **choice_members(body),
        **_options(body),
    }
    return HubRequest(
        translated,
        _warnings(body, history.dropped),
        {"thinking": thinking_display(body)},
        hosted_tools(body),
        tuple(history.paths),
    )


def _options(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are set by several or by parts of the caller's."""
    user_id = object_of(body.get("metadata")).get("user_id")
    options = {
        "reasoning_effort": reasoning_effort(body),
        "response_format": _response_format(body),
        "user": _user(user_id) if isinstance(user_id, str) and user_id else None,
        "service_tier": _SERVICE_TIERS.get(text_of(body.get("service_tier"))),
    }
    return {name: value for name, value in options.items() if value is not None}


def _user(user_id: str) -> str:
    """Return the id of the end user, hashed if it is longer than some providers take."""
    return (
        user_id if len(user_id) <= _MAX_USER_CHARS else hashlib.sha256(user_id.encode("utf-8", "replace")).hexdigest()
    )


def _response_format(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the format of the answer: from `output_config`, or `output_format` as a beta had it."""
    requested = object_of(body.get("output_config")).get("format") or body.get("output_format")
    if requested is None:
        return None
    schema = object_of(requested).get("schema")
    if object_of(requested).get("type") != "json_schema" or not isinstance(schema, dict):
        raise invalid_param("output_config.format", "must be a `json_schema` with a schema")
    return {"type": "json_schema", "json_schema": {"name": "output", "schema": schema, "strict": _is_closed(schema)}}


def _is_closed(schema: Any) -> bool:
    """Whether every object of a schema has all its properties and no other, as the hub's strict schemas must."""
    if isinstance(schema, list):
        return all(map(_is_closed, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if isinstance(properties, dict):
        required = schema.get("required")
        names = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
        if schema.get("additionalProperties") is not False or not properties.keys() <= names:
            return False
    return all(map(_is_closed, schema.values()))


def _warnings(body: Mapping[str, Any], dropped_blocks: Iterable[str]) -> tuple[str, ...]:
    known = _COPIED.keys() | _TRANSLATED | _IGNORED | {"output_format"}
    dropped = [name for name, value in body.items() if name not in known and value not in (None, [], {})]
    return (*drop_warnings(dropped), *(f"block-dropped;type={kind}" for kind in dropped_blocks if _is_printable(kind)))


def _is_printable(kind: str) -> bool:
    return kind.replace("_", "").isalnum() and kind.isascii() and len(kind) <= _MAX_USER_CHARS
