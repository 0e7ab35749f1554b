"""Translates `tools` and `tool_choice` into the hub's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import text_of
from proxy.dialects.hub.content import invalid_param

_MODES: Mapping[str, str] = {"auto": "auto", "any": "required", "none": "none"}
_CHOICES = (*_MODES, "tool")
_OPTIONAL = ("auto", "none")


def functions(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the caller's own tools as functions. Raises InvalidRequestError for a malformed tool."""
    return [_function(tool, f"tools[{index}]") for index, tool in enumerate(_tools(body)) if _is_custom(tool)]


def hosted_tools(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the tools that are defined by Anthropic, such as `web_search`: those with a type of their own."""
    return tuple(text_of(tool.get("name")) or tool["type"] for tool in _tools(body) if not _is_custom(tool))


def choice_members(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return `tool_choice` and `parallel_tool_calls`, as far as they are set. Raises InvalidRequestError.

    A choice that requires nothing is left out where there are no functions: providers reject it.
    """
    choice = body.get("tool_choice")
    if choice is None:
        return {}
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in _CHOICES:
        raise invalid_param("tool_choice.type", f"must be one of {', '.join(_CHOICES)}")
    if kind in _OPTIONAL and not any(map(_is_custom, _tools(body))):
        return {}
    parallel = {"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") is True else {}
    if kind != "tool":
        return {"tool_choice": _MODES[kind], **parallel}
    if not isinstance(choice.get("name"), str):
        raise invalid_param("tool_choice.name", "must be a string")
    if choice["name"] in hosted_tools(body):
        raise invalid_param("tool_choice", f"the tool {choice['name'][:64]!r} is run by Anthropic only")
    return {"tool_choice": {"type": "function", "function": {"name": choice["name"]}}, **parallel}


def _tools(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        raise invalid_param("tools", "must be a list")
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict) or not isinstance(tool.get("type"), str | None):
            raise invalid_param(f"tools[{index}]", "must be an object whose `type` is a string")
    return tools


def _is_custom(tool: Mapping[str, Any]) -> bool:
    return tool.get("type") in (None, "custom")


def _function(tool: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(tool.get("name"), str):
        raise invalid_param(f"{where}.name", "must be a string")
    if not isinstance(tool.get("input_schema"), dict):
        raise invalid_param(f"{where}.input_schema", "must be a JSON Schema")
    members = {
        "name": tool["name"],
        "description": tool.get("description"),
        "parameters": tool["input_schema"],
        "strict": tool.get("strict") or None,
    }
    return {"type": "function", "function": {name: value for name, value in members.items() if value is not None}}
