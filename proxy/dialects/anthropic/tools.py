"""OpenAI's tools and choice of tools as Anthropic's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from proxy.dialects.anthropic.schemas import EMPTY_SCHEMA, object_schema, strict_schema
from proxy.dialects.anthropic.tables import ModelCapabilities
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.tool_choice import parse_function

_MODES = {"auto": "auto", "required": "any", "none": "none"}


def tool_names(body: Mapping[str, Any]) -> list[str]:
    """Return the offered tools, then those called before. Raises InvalidRequestError for a tool that is no function."""
    return [parse_function(tool, f"tools[{n}]")["name"] for n, tool in enumerate(_offered(body))] + list(_called(body))


def _offered(body: Mapping[str, Any]) -> list[Any]:
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        raise invalid_param("tools", "must be a list")
    return tools


def _called(body: Mapping[str, Any]) -> Iterable[str]:
    """Names in the history; what is not well formed there is named when the messages are read."""
    for message in body["messages"]:
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                yield function["name"]


def translate_tools(body: Mapping[str, Any], told: Mapping[str, str], traits: ModelCapabilities) -> dict[str, Any]:
    """The members `translate_tools` and `tool_choice`, where there are any. Raises InvalidRequestError."""
    offered = _offered(body)
    choice = _choice(body, {parse_function(tool, "tools")["name"] for tool in offered})
    if not offered:
        return _stubs(told)
    allowed = choice.pop("allowed", None)
    described = [
        _tool(tool, told, traits) for tool in offered if allowed is None or tool["function"]["name"] in allowed
    ]
    if choice["type"] == "tool":
        choice["name"] = told[choice["name"]]
    if body.get("parallel_tool_calls") is False and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tools": described, **({"tool_choice": choice} if choice != {"type": "auto"} else {})}


def _tool(tool: Mapping[str, Any], told: Mapping[str, str], traits: ModelCapabilities) -> dict[str, Any]:
    function = tool["function"]
    strict = bool(function.get("strict")) and traits.strict_tools
    described = {
        "name": told[function["name"]],
        "description": function.get("description"),
        "input_schema": _schema(function, strict),
        "strict": strict or None,
        "cache_control": tool.get("cache_control") or function.get("cache_control"),
    }
    return {key: value for key, value in described.items() if value is not None}


def _schema(function: Mapping[str, Any], strict: bool) -> Any:
    """Whatever a caller may call a schema, what comes of it is a schema or an InvalidRequestError."""
    try:
        schema = object_schema(function.get("parameters"))
        return strict_schema(schema) if strict else schema
    except (TypeError, AttributeError, ValueError, RecursionError) as error:
        raise invalid_param(
            "tools", f"the parameters of {function['name']!r} are no JSON Schema, or nested too deeply"
        ) from error


def _stubs(told: Mapping[str, str]) -> dict[str, Any]:
    """A history with tools in it needs their definitions, even if none may be called any more."""
    if not told:
        return {}
    return {
        "tools": [{"name": name, "input_schema": dict(EMPTY_SCHEMA)} for name in told.values()],
        "tool_choice": {"type": "none"},
    }


def _choice(body: Mapping[str, Any], offered: Set[str]) -> dict[str, Any]:
    """As Anthropic says it, under the caller's names; `allowed` has the tools that are left. Raises InvalidRequestError."""
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        mode, allowed = _allowed(choice)
        return {"type": _mode(mode, offered), "allowed": {_known(name, offered) for name in allowed}}
    if isinstance(choice, dict):
        function = choice.get("function")
        return {"type": "tool", "name": _known(function.get("name") if isinstance(function, dict) else None, offered)}
    return {"type": _mode(choice, offered)}


def _mode(mode: Any, offered: Set[str]) -> str:
    if not isinstance(mode, str) or mode not in _MODES or (mode == "required" and not offered):
        raise invalid_param("tool_choice", "must be auto, none or required, and required only with tools")
    return _MODES[mode]


def _allowed(choice: Mapping[str, Any]) -> tuple[Any, list[str]]:
    inner = choice.get("allowed_tools")
    listed = inner.get("tools") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(listed, list):
        raise invalid_param("tool_choice.allowed_tools", "must hold a mode and a list of tools")
    return inner.get("mode"), [
        parse_function(tool, f"tool_choice.allowed_tools.tools[{n}]")["name"] for n, tool in enumerate(listed)
    ]


def _known(name: Any, offered: Set[str]) -> str:
    if not isinstance(name, str) or name not in offered:
        raise invalid_param("tool_choice", f"there is no tool {name!r} among `translate_tools`")
    return name
