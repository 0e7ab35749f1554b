"""Gives tools valid names in a request that keeps OpenAI's format, and back in a whole answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from proxy.dialects.coerce import object_of, objects_of
from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.content import serialize_request
from proxy.dialects.hub.tool_choice import used_tool_names
from proxy.dialects.names import NameRule, sanitize_names

TOOL_NAME = NameRule("A-Za-z0-9_-", limit=64)
"""OpenAI's rule. Compatible hosts have the same or none."""

TOOL_CALLS = b'"tool_calls"'
"""In the bytes of every request with calls in its history."""


def changed_names(request: CallerRequest) -> dict[str, str]:
    """Return the tool names that are not valid -> the names to send. {} for nearly every request with tools."""
    names = used_tool_names(request.body)
    if all(map(TOOL_NAME.is_valid, names)):
        return {}
    return {name: sent for name, sent in sanitize_names(names, TOOL_NAME).items() if name != sent}


def renamed_members(body: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Raw]:
    """Return `tools` and `tool_choice` with other names, as changes of the request. Raises InvalidRequestError."""
    renamed: dict[str, Any] = {}
    if isinstance(body.get("tools"), list):
        renamed["tools"] = _renamed_all(body["tools"], names)
    choice = object_of(body.get("tool_choice"))
    if "function" in choice:
        renamed["tool_choice"] = _renamed(choice, names)
    elif listed := objects_of(object_of(choice.get("allowed_tools")).get("tools")):
        allowed = {**choice["allowed_tools"], "tools": _renamed_all(listed, names)}
        renamed["tool_choice"] = {**choice, "allowed_tools": allowed}
    return {member: Raw(serialize_request(value)) for member, value in renamed.items()}


def with_renamed_calls(messages: list[Any], names: Mapping[str, str]) -> list[Any]:
    """Return the messages of a history with other names in their calls and results."""
    return [_renamed_message(message, names) if isinstance(message, dict) else message for message in messages]


def with_original_names(choices: list[Any], names: Mapping[str, str]) -> list[Any]:
    """Return the choices of an answer with the caller's names. `names` is `ResponseContext.tool_names`."""
    return [
        {**choice, "message": _renamed_message(choice["message"], names)}
        if isinstance(choice, dict) and isinstance(choice.get("message"), dict)
        else choice
        for choice in choices
    ]


def _renamed_message(message: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(message.get("tool_calls"), list):
        return {**message, "tool_calls": _renamed_all(message["tool_calls"], names)}
    if message.get("role") == "tool" and message.get("name") in names:
        return {**message, "name": names[message["name"]]}
    return message


def _renamed_all(holders: list[Any], names: Mapping[str, str]) -> list[Any]:
    return [_renamed(holder, names) for holder in holders]


def _renamed(holder: Any, names: Mapping[str, str]) -> Any:
    """Return an object with another `function.name`, or itself if that stays."""
    function = object_of(object_of(holder).get("function"))
    name = function.get("name")
    return (
        {**holder, "function": {**function, "name": names[name]}} if isinstance(name, str) and name in names else holder
    )
