"""Translates OpenAI's `tools` and `tool_choice` into Anthropic's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from proxy.dialects.anthropic.schemas import EMPTY_SCHEMA, object_schema, strict_schema
from proxy.dialects.anthropic.tables import MAX_STRICT_TOOLS, PROPERTY_NAME, ModelCapabilities
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.response_format import format_kind, requested_schema
from proxy.dialects.hub.tool_choice import parse_function

_MODES = {"auto": "auto", "required": "any", "none": "none"}


def tool_names(body: Mapping[str, Any]) -> list[str]:
    """Return the names of offered, then of called tools. Raises InvalidRequestError for a tool that is not a function."""
    return [parse_function(tool, f"tools[{n}]")["name"] for n, tool in enumerate(_offered_tools(body))] + list(
        _called_names(body)
    )


def _offered_tools(body: Mapping[str, Any]) -> list[Any]:
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        raise invalid_param("tools", "must be a list")
    return tools


def _called_names(body: Mapping[str, Any]) -> Iterable[str]:
    """Yield the tool names in the message history. Malformed messages are skipped: their translation reports them."""
    for message in body["messages"]:
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                yield function["name"]


def translate_tools(
    body: Mapping[str, Any], provider_names: Mapping[str, str], caps: ModelCapabilities
) -> dict[str, Any]:
    """Return the request members `tools` and `tool_choice`, as far as needed. Raises InvalidRequestError."""
    tools = _offered_tools(body)
    choice = _translate_choice(body, {parse_function(tool, "tools")["name"] for tool in tools})
    if not tools:
        return _stub_tools(provider_names)
    allowed = choice.pop("allowed", None)
    strict_names = _strict_names(tools, caps)
    translated = [
        _translate_tool(tool, provider_names, tool["function"]["name"] in strict_names)
        for tool in tools
        if allowed is None or tool["function"]["name"] in allowed
    ]
    if choice["type"] == "tool":
        choice["name"] = provider_names[choice["name"]]
    if body.get("parallel_tool_calls") is False and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tools": translated, **({"tool_choice": choice} if choice != {"type": "auto"} else {})}


def _strict_names(tools: list[Any], caps: ModelCapabilities) -> Set[str]:
    """Return the names of the tools that stay strict: as many as the API accepts."""
    names = [tool["function"]["name"] for tool in tools if tool["function"].get("strict")]
    return frozenset(names[:MAX_STRICT_TOOLS] if caps.strict_tools else ())


def _translate_tool(tool: Mapping[str, Any], provider_names: Mapping[str, str], strict: bool) -> dict[str, Any]:
    function = tool["function"]
    translated = {
        "name": provider_names[function["name"]],
        "description": function.get("description"),
        "input_schema": _input_schema(function, strict),
        "strict": strict or None,
        "cache_control": tool.get("cache_control") or function.get("cache_control"),
    }
    return {key: value for key, value in translated.items() if value is not None}


def _input_schema(function: Mapping[str, Any], strict: bool) -> Any:
    """Rewrite a function's parameters. Raises InvalidRequestError if they are not a JSON Schema."""
    try:
        schema = object_schema(function.get("parameters"))
        _check_property_names(schema, function["name"])
        return strict_schema(schema) if strict else schema
    except (TypeError, AttributeError, ValueError, RecursionError) as error:
        raise invalid_param(
            "tools", f"the parameters of {function['name']!r} are not a JSON Schema, or nested too deeply"
        ) from error


def _check_property_names(schema: Mapping[str, Any], name: str) -> None:
    for each in schema.get("properties") or ():
        if not PROPERTY_NAME.fullmatch(each):
            raise invalid_param("tools", f"this provider does not accept the name {each!r} of an argument of {name!r}")


def answer_format(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the member of `output_config` for the schema of the answer, or {} without one. Raises InvalidRequestError."""
    if format_kind(body) != "json_schema":
        return {}
    try:
        schema = strict_schema(object_schema(requested_schema(body)))
    except (TypeError, AttributeError, ValueError, RecursionError) as error:
        raise invalid_param("response_format", "has no JSON Schema, or one nested too deeply") from error
    return {"format": {"type": "json_schema", "schema": schema}}


def _stub_tools(provider_names: Mapping[str, str]) -> dict[str, Any]:
    """Define the tools called in the history: the API requires definitions even if no tool is offered now."""
    if not provider_names:
        return {}
    return {
        "tools": [{"name": name, "input_schema": dict(EMPTY_SCHEMA)} for name in provider_names.values()],
        "tool_choice": {"type": "none"},
    }


def _translate_choice(body: Mapping[str, Any], tools: Set[str]) -> dict[str, Any]:
    """Translate `tool_choice`, with the caller's tool names. `allowed` lists the tools to keep. Raises InvalidRequestError."""
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        mode, allowed = _parse_allowed_tools(choice)
        return {"type": _translate_mode(mode, tools), "allowed": {_check_offered(name, tools) for name in allowed}}
    if isinstance(choice, dict):
        function = choice.get("function")
        return {
            "type": "tool",
            "name": _check_offered(function.get("name") if isinstance(function, dict) else None, tools),
        }
    return {"type": _translate_mode(choice, tools)}


def _translate_mode(mode: Any, tools: Set[str]) -> str:
    if not isinstance(mode, str) or mode not in _MODES or (mode == "required" and not tools):
        raise invalid_param("tool_choice", "must be auto, none or required, and required only with tools")
    return _MODES[mode]


def _parse_allowed_tools(choice: Mapping[str, Any]) -> tuple[Any, list[str]]:
    allowed_tools = choice.get("allowed_tools")
    entries = allowed_tools.get("tools") if isinstance(allowed_tools, dict) else None
    if not isinstance(allowed_tools, dict) or not isinstance(entries, list):
        raise invalid_param("tool_choice.allowed_tools", "must hold a mode and a list of tools")
    return allowed_tools.get("mode"), [
        parse_function(tool, f"tool_choice.allowed_tools.tools[{n}]")["name"] for n, tool in enumerate(entries)
    ]


def _check_offered(name: Any, tools: Set[str]) -> str:
    if not isinstance(name, str) or name not in tools:
        raise invalid_param("tool_choice", f"there is no tool {name!r} in `tools`")
    return name
