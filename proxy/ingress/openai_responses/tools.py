"""Translates tools and `tool_choice`. Every tool that the caller runs becomes a function, and its calls come back as its kind.

A custom tool, which takes a text, is a function with one string. A tool of a namespace has the namespace in its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.hub.content import invalid_param, unsupported_feature
from proxy.dialects.hub.custom_tools import custom_function

Tool = Mapping[str, Any]

_CALLED = ("function", "custom")
_MODES = ("auto", "none", "required")


class CallerTool(Struct, frozen=True):
    """A tool that the caller runs."""

    name: str
    namespace: str = ""
    is_custom: bool = False

    @property
    def hub_name(self) -> str:
        """The name of its function."""
        return f"{self.namespace}__{self.name}" if self.namespace else self.name


class HubTools(Struct, frozen=True):
    """The tools of a request in the hub's format."""

    functions: list[dict[str, Any]]
    hosted: tuple[str, ...] = ()
    """Types of the tools that the provider runs itself, which the hub does not have."""


def hub_tools(tools: Any) -> HubTools:
    """Translate `tools`. Raises InvalidRequestError for a malformed one, and for two of one name."""
    if not isinstance(tools or [], list):
        raise invalid_param("tools", "must be a list")
    functions: dict[str, dict[str, Any]] = {}
    hosted: dict[str, None] = {}
    for tool, namespace, where in _flat(tools or []):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(kind, str):
            raise invalid_param(where, "must be an object with a `type`")
        if kind not in _CALLED:
            hosted[kind] = None
            continue
        called = _caller_tool(tool, namespace, where)
        if called.hub_name in functions:
            raise invalid_param(f"{where}.name", f"there are two tools of the name {called.name!r}")
        functions[called.hub_name] = _function(tool, called)
    return HubTools(list(functions.values()), tuple(hosted))


def hub_tool_choice(choice: Any, tools: HubTools) -> Any:
    """Translate `tool_choice`. Raises InvalidRequestError if it requires a tool that the provider would run itself."""
    if choice is None or isinstance(choice, str):
        if choice not in (None, *_MODES):
            raise invalid_param("tool_choice", f"must be one of {', '.join(_MODES)}, or an object")
        if choice == "required" and tools.hosted and not tools.functions:
            raise unsupported_feature("tool_choice", f"a tool of type {tools.hosted[0]!r} is run by OpenAI only")
        return choice if tools.functions else None
    kind = object_of(choice).get("type")
    if kind in _CALLED:
        return {"type": "function", "function": {"name": _chosen_name(choice, "tool_choice")}}
    if kind == "allowed_tools":
        return {"type": kind, kind: _allowed(choice, tools.hosted)}
    raise unsupported_feature("tool_choice", f"a tool of type {kind!r} is run by OpenAI only")


def _allowed(choice: Tool, hosted: tuple[str, ...]) -> dict[str, Any]:
    listed = choice.get("tools")
    if not isinstance(listed, list):
        raise invalid_param("tool_choice.tools", "must be a list")
    named = [(tool, f"tool_choice.tools[{index}]") for index, tool in enumerate(listed)]
    kept = [(tool, where) for tool, where in named if object_of(tool).get("type") not in hosted]
    functions = [{"type": "function", "function": {"name": _chosen_name(tool, where)}} for tool, where in kept]
    return {"mode": choice.get("mode") or "auto", "tools": functions}


def _chosen_name(tool: Any, where: str) -> str:
    return CallerTool(_name(object_of(tool), where), text_of(object_of(tool).get("namespace"))).hub_name


def caller_tools(tools: Any) -> dict[str, CallerTool]:
    """Return the tools that the caller runs, by the names of their functions. Malformed ones are left out."""
    flat = [(tool, namespace) for tool, namespace, _ in _flat(tools or []) if object_of(tool).get("type") in _CALLED]
    named = [(tool, namespace) for tool, namespace in flat if isinstance(tool.get("name"), str)]
    found = [_caller_tool(tool, namespace, "") for tool, namespace in named]
    return {tool.hub_name: tool for tool in found}


def _flat(tools: Iterable[Any]) -> Iterator[tuple[Any, str, str]]:
    """Yield each tool with its namespace, "" for none, and its path in the request."""
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        if object_of(tool).get("type") != "namespace":
            yield tool, "", where
            continue
        for number, inner in enumerate(objects_of(tool.get("tools"))):
            yield inner, text_of(tool.get("name")), f"{where}.tools[{number}]"


def _caller_tool(tool: Tool, namespace: str, where: str) -> CallerTool:
    return CallerTool(_name(tool, where), namespace, tool.get("type") == "custom")


def _name(tool: Tool, where: str) -> str:
    name = tool.get("name")
    if not isinstance(name, str) or not name:
        raise invalid_param(f"{where}.name", "must be a string")
    return name


def _function(tool: Tool, called: CallerTool) -> dict[str, Any]:
    members = (
        custom_function(tool.get("description"), tool.get("format")) if called.is_custom else _function_members(tool)
    )
    kept = {name: value for name, value in members.items() if value is not None}
    return {"type": "function", "function": {"name": called.hub_name, **kept}}


def _function_members(tool: Tool) -> dict[str, Any]:
    return {
        "description": tool.get("description"),
        "parameters": tool.get("parameters") or {"type": "object", "properties": {}},
        "strict": tool.get("strict"),
    }


def check_not_included(include: Any) -> None:
    """Raise InvalidRequestError for an `include` that names the result of a tool which the provider runs itself."""
    for name in include if isinstance(include, list) else ():
        if text_of(name).partition(".")[0] in _HOSTED_CALLS:
            raise unsupported_feature("include", f"{name} is the result of a tool that OpenAI only runs")


_HOSTED_CALLS = frozenset({"code_interpreter_call", "file_search_call", "web_search_call"})
