"""Reads the tools of a request and its `tool_choice`: which tools the model may or must call. Invalid ones are a 400."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.hub.content import invalid_param

MODES = ("auto", "none", "required")
_CALLED = ("function", "custom")
_CHOICES = (*_CALLED, "allowed_tools")


@dataclass(frozen=True, slots=True)
class ToolSelection:
    """`tools` and `tool_choice` combined. With `allowed_tools`, only the tools that it allows."""

    functions: tuple[Mapping[str, Any], ...]
    """The member `function` of each tool."""
    mode: str
    """`auto`, `none` or `required`."""
    forced_name: str | None = None
    """The tool that must be called, if one is named. The mode is `required` then."""


def parse_tool_selection(body: Mapping[str, Any]) -> ToolSelection:
    """Return the tools and the choice. Raises InvalidRequestError for non-function tools and for a choice of an unknown tool."""
    listed = body.get("tools") or []
    if not isinstance(listed, list):
        raise invalid_param("tools", "must be a list")
    functions = tuple(parse_function(tool, f"tools[{n}]") for n, tool in enumerate(listed))
    choice = body.get("tool_choice") or "auto"
    if not isinstance(choice, dict):
        return ToolSelection(functions, _mode(choice, functions, "tool_choice"))
    if choice.get("type") == "allowed_tools":
        return _allowed(choice.get("allowed_tools"), functions)
    name = parse_function(choice, "tool_choice")["name"]
    _check_known([name], functions)
    return ToolSelection(functions, "required", forced_name=name)


def non_function_tools(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which of `tools` and `tool_choice` contain a tool that the caller does not run: neither a function nor custom."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    kinds = [tool.get("type") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    has_other = any(isinstance(kind, str) and kind not in _CALLED for kind in kinds)
    chosen = choice.get("type") if isinstance(choice, dict) else None
    return ("tools",) * has_other + ("tool_choice",) * (isinstance(chosen, str) and chosen not in _CHOICES)


def strict_flags(body: Mapping[str, Any]) -> list[bool]:
    """Return the flag `strict` of each function. Malformed tools are skipped."""
    tools = body.get("tools")
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return [bool(function.get("strict")) for function in functions if isinstance(function, dict)]


def requires_call(choice: Any) -> bool:
    """Whether a `tool_choice` requires the model to call a tool."""
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools")
        return isinstance(allowed, dict) and allowed.get("mode") == "required"
    return choice == "required" or isinstance(choice, dict)


def used_tool_names(body: Mapping[str, Any]) -> list[str]:
    """Return the names in `tools`, then those of calls in the history. Malformed ones are skipped."""
    return [*_function_names(body.get("tools")), *_called_names(body.get("messages"))]


def _called_names(messages: Any) -> Iterable[str]:
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            yield from _function_names(message.get("tool_calls"))


def _function_names(holders: Any) -> Iterable[str]:
    """Yield `function.name` of each item of a list."""
    for holder in holders if isinstance(holders, list) else ():
        function = holder.get("function") if isinstance(holder, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            yield function["name"]


def parse_function(tool: Any, where: str) -> dict[str, Any]:
    """Return the member `function` of a tool. Raises InvalidRequestError for a tool that is not a function."""
    if not isinstance(tool, dict) or tool.get("type") != "function":
        raise invalid_param(f"{where}.type", "must be `function`")
    function = tool.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise invalid_param(f"{where}.function.name", "must be a string")
    return function


def _allowed(allowed: Any, functions: tuple[Mapping[str, Any], ...]) -> ToolSelection:
    where = "tool_choice.allowed_tools"
    listed = allowed.get("tools") if isinstance(allowed, dict) else None
    if not isinstance(listed, list):
        raise invalid_param(where, "must have a mode and a list of tools")
    allowed_names = dict.fromkeys(parse_function(tool, f"{where}.tools[{n}]")["name"] for n, tool in enumerate(listed))
    _check_known(allowed_names, functions)
    remaining = tuple(function for function in functions if function["name"] in allowed_names)
    return ToolSelection(remaining, _mode(allowed.get("mode") or "auto", remaining, f"{where}.mode"))


def _mode(mode: Any, functions: tuple[Mapping[str, Any], ...], where: str) -> str:
    if mode not in MODES:
        raise invalid_param(where, "must be auto, none or required")
    if mode == "required" and not functions:
        raise invalid_param(where, "required needs tools")
    return str(mode)


def _check_known(names: Iterable[str], functions: tuple[Mapping[str, Any], ...]) -> None:
    known = {function["name"] for function in functions}
    for name in names:
        if name not in known:
            raise invalid_param("tool_choice", f"no tool {name!r} in `tools`")
