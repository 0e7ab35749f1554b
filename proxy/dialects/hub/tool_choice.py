"""The tools a request offers and which of them may or must be called, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.hub.content import invalid_param

MODES = ("auto", "none", "required")
_CHOICES = ("function", "allowed_tools")


@dataclass(frozen=True, slots=True)
class ToolSelection:
    """OpenAI's `tools` and `tool_choice` in one; `allowed_tools` has left only the tools it allows."""

    functions: tuple[Mapping[str, Any], ...]
    """What stands under `parse_function` in each tool."""
    mode: str
    """`auto`, `none` or `required`."""
    forced_name: str | None = None
    """The one tool that must be called, if one is named; the mode is `required` then."""


def parse_tool_selection(body: Mapping[str, Any]) -> ToolSelection:
    """What is offered. Raises InvalidRequestError for tools that are no functions and for choices that are not there."""
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
    _among([name], functions)
    return ToolSelection(functions, "required", forced_name=name)


def non_function_tools(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return those of `tools` and `tool_choice` that hold a tool that is not a function: custom, or hosted."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    kinds = [tool.get("type") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    has_other = any(isinstance(kind, str) and kind != "function" for kind in kinds)
    chosen = choice.get("type") if isinstance(choice, dict) else None
    return ("tools",) * has_other + ("tool_choice",) * (isinstance(chosen, str) and chosen not in _CHOICES)


def strict_flags(body: Mapping[str, Any]) -> list[bool]:
    """The `strict_flags` of each function; malformed tools are skipped here."""
    tools = body.get("tools")
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return [bool(function.get("strict")) for function in functions if isinstance(function, dict)]


def requires_call(choice: Any) -> bool:
    """Whether a `tool_choice` demands that a tool is called."""
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools")
        return isinstance(allowed, dict) and allowed.get("mode") == "required"
    return choice == "required" or isinstance(choice, dict)


def used_tool_names(body: Mapping[str, Any]) -> list[str]:
    """The tools that are offered, then those called before; what is not well formed is passed over here."""
    return [*_named(body.get("tools")), *_called(body.get("messages"))]


def _called(messages: Any) -> Iterable[str]:
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            yield from _named(message.get("tool_calls"))


def _named(holders: Any) -> Iterable[str]:
    """The names under `parse_function` in each of a list."""
    for holder in holders if isinstance(holders, list) else ():
        function = holder.get("function") if isinstance(holder, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            yield function["name"]


def parse_function(tool: Any, where: str) -> dict[str, Any]:
    """What stands under `parse_function` in one tool. Raises InvalidRequestError for a tool that is no function."""
    if not isinstance(tool, dict) or tool.get("type") != "function":
        raise invalid_param(f"{where}.type", "must be `parse_function`")
    described = tool.get("function")
    if not isinstance(described, dict) or not isinstance(described.get("name"), str):
        raise invalid_param(f"{where}.function.name", "must be a string")
    return described


def _allowed(allowed: Any, functions: tuple[Mapping[str, Any], ...]) -> ToolSelection:
    where = "tool_choice.allowed_tools"
    listed = allowed.get("tools") if isinstance(allowed, dict) else None
    if not isinstance(listed, list):
        raise invalid_param(where, "must hold a mode and a list of tools")
    wanted = dict.fromkeys(parse_function(tool, f"{where}.tools[{n}]")["name"] for n, tool in enumerate(listed))
    _among(wanted, functions)
    left = tuple(function for function in functions if function["name"] in wanted)
    return ToolSelection(left, _mode(allowed.get("mode") or "auto", left, f"{where}.mode"))


def _mode(mode: Any, functions: tuple[Mapping[str, Any], ...], where: str) -> str:
    if mode not in MODES:
        raise invalid_param(where, "must be auto, none or required")
    if mode == "required" and not functions:
        raise invalid_param(where, "required needs tools")
    return str(mode)


def _among(wanted: Iterable[str], functions: tuple[Mapping[str, Any], ...]) -> None:
    offered = {function["name"] for function in functions}
    for name in wanted:
        if name not in offered:
            raise invalid_param("tool_choice", f"there is no tool {name!r} among `tools`")
