"""Translates `tools` and `toolConfig` into the hub's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.dialects.hub.content import invalid_param
from proxy.ingress.gemini.members import Members, list_of, members_of, string_of
from proxy.ingress.gemini.schema import json_schema

_DECLARATIONS = "functionDeclarations"
_MODES: Mapping[str, str] = {"AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none"}
_NO_MODE = "MODE_UNSPECIFIED"


def functions(tools: Any) -> list[dict[str, Any]]:
    """Return the functions that are declared, of all tools. Raises InvalidRequestError for a malformed one."""
    return [
        _function(declaration, f"{where}.{_DECLARATIONS}[{index}]")
        for tool, where in _tools(tools)
        for index, declaration in enumerate(list_of(tool.get(_DECLARATIONS), f"{where}.{_DECLARATIONS}"))
    ]


def hosted_tools(tools: Any) -> tuple[str, ...]:
    """Return the names of the tools that Google runs itself, such as `googleSearch`."""
    return tuple(dict.fromkeys(name for tool, _ in _tools(tools) for name in tool if name != _DECLARATIONS))


def tool_choice(config: Any, declared: list[dict[str, Any]]) -> Any:
    """Return the hub's `tool_choice`, or None to leave it to the model. Raises InvalidRequestError."""
    path = "toolConfig.functionCallingConfig"
    given = members_of(members_of(config or {}, "toolConfig").get("functionCallingConfig", {}), path)
    mode = given.get("mode") or _NO_MODE
    if mode == _NO_MODE or not declared:
        return None
    if not isinstance(mode, str) or mode not in _MODES:
        raise invalid_param(f"{path}.mode", f"must be one of {', '.join(_MODES)}")
    names = list_of(given.get("allowedFunctionNames"), f"{path}.allowedFunctionNames")
    if not names or mode == "NONE":
        return _MODES[mode]
    allowed = [{"type": "function", "function": {"name": name}} for name in names]
    if mode == "ANY" and len(allowed) == 1:
        return allowed[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": _MODES[mode], "tools": allowed}}


def _tools(tools: Any) -> Iterator[tuple[Members, str]]:
    for index, tool in enumerate(list_of(tools, "tools")):
        where = f"tools[{index}]"
        yield members_of(tool, where), where


def _function(declaration: Any, where: str) -> dict[str, Any]:
    given = members_of(declaration, where)
    function = {
        "name": string_of(given, "name", where),
        "description": given.get("description"),
        "parameters": _parameters(given, where),
    }
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}


def _parameters(given: Members, where: str) -> Any:
    """Return the parameters: as JSON Schema, or as Gemini's own schema."""
    schema = given.get("parametersJsonSchema")
    if schema is None:
        schema = json_schema(given.get("parameters", {"type": "object", "properties": {}}))
    if not isinstance(schema, dict):
        raise invalid_param(f"{where}.parameters", "must be a schema")
    return schema
