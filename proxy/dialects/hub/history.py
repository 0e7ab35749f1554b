"""Reads the roles, tool calls, tool results and images of a conversation's messages. Invalid ones are a 400."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.dialects.hub.content import invalid_param, parse_image


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call in the history. `arguments` is JSON text, `{}` if there were none."""

    id: str
    name: str
    arguments: str


def role_of(message: Any, where: str, roles: Mapping[str, Any]) -> str:
    """Return a message's role, which must be a key of `roles`. Raises InvalidRequestError."""
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or role not in roles:
        raise invalid_param(f"{where}.role", f"must be one of {', '.join(roles)}")
    return role


def tool_calls_of(message: Mapping[str, Any], where: str) -> list[ToolCall]:
    """Return an assistant message's tool calls. Raises InvalidRequestError, also for the deprecated `function_call`."""
    if message.get("function_call"):
        raise invalid_param(f"{where}.function_call", "is not supported: use `tool_calls`")
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise invalid_param(f"{where}.tool_calls", "must be a list")
    return [_tool_call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(calls)]


def _tool_call(call: Any, where: str) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise invalid_param(f"{where}.function.name", "must be a string")
    if not isinstance(call.get("id"), str):
        raise invalid_param(f"{where}.id", "must be a string")
    arguments = function.get("arguments") or "{}"
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    return ToolCall(call["id"], function["name"], text)


def tool_call_id_of(message: Mapping[str, Any], where: str) -> str:
    """Return the id of the call that a tool message is the result of. Raises InvalidRequestError if it has none."""
    id = message.get("tool_call_id")
    if not isinstance(id, str):
        raise invalid_param(f"{where}.tool_call_id", "must be a string")
    return id


def image_part(part: dict[str, Any], where: str) -> dict[str, Any]:
    """Return an `image_url` part with only its URL and `detail`. Raises InvalidRequestError unless the URL is data: or https."""
    value = part.get("image_url")
    detail = value.get("detail") if isinstance(value, dict) else None
    url = {"url": parse_image(part, where).url}
    return {"type": "image_url", "image_url": url | ({"detail": detail} if detail else {})}
