"""Translates OpenAI's tools and `tool_choice` into Gemini's `tools` and `toolConfig`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.google.schema import SizeBudget, parameters
from proxy.dialects.google.tables import LAST_SUBSET_GENERATION, TOOL_NAME
from proxy.dialects.hub.content import invalid_param, serialize_request
from proxy.dialects.hub.tool_choice import used_tool_names
from proxy.dialects.names import sanitize_names

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def functions(body: Mapping[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return the functions in `tools`, each with its path for errors, such as `tools[0].function`."""
    tools = body.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise invalid_param("tools", "must be a list")
    return [_check_function(tool, f"tools[{index}]") for index, tool in enumerate(tools or ())]


def _check_function(tool: Any, where: str) -> tuple[dict[str, Any], str]:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        raise invalid_param(f"{where}.type", "Gemini supports only tools of type 'function'")
    function, where = tool.get("function"), f"{where}.function"
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise invalid_param(f"{where}.name", "must be a string")
    return function, where


def provider_tool_names(body: Mapping[str, Any]) -> dict[str, str]:
    """Map the caller's tool names, including those in the message history, to names that Gemini accepts."""
    return sanitize_names(used_tool_names(body), TOOL_NAME)


def declarations(
    defined: list[tuple[dict[str, Any], str]], provider_names: Mapping[str, str], generation: int
) -> list[dict[str, Any]]:  # fmt: skip
    """Return Gemini's `tools`: one entry with all function declarations."""
    size = (
        len(serialize_request({"functions": [function for function, _ in defined]}))
        if generation <= LAST_SUBSET_GENERATION
        else None
    )
    budget = None if size is None else SizeBudget.for_schemas(size)
    entries = []
    for function, where in defined:
        description = {"description": function["description"]} if function.get("description") else {}
        schema = parameters(function.get("parameters"), f"{where}.parameters", budget)
        entries.append({"name": provider_names[function["name"]], **description, **schema})
    return [{"functionDeclarations": entries}] if entries else []


def tool_config(
    body: Mapping[str, Any], defined: list[tuple[dict[str, Any], str]], provider_names: Mapping[str, str]
) -> dict[str, Any]:
    """Return Gemini's `toolConfig`, or {} for its default. Raises InvalidRequestError for an unknown tool."""
    choice = body.get("tool_choice")
    if not defined and choice not in (None, "auto", "none"):
        raise invalid_param("tool_choice", "names a tool, but the request has no tools")
    mode, names = _mode_and_names(choice)
    known = {function["name"] for function, _ in defined}
    if unknown := [name for name in names if name not in known]:
        raise invalid_param("tool_choice", f"{unknown[0]!r} is not in the tools")
    if mode == "AUTO" and (names or any(function.get("strict") for function, _ in defined)):
        # VALIDATED is AUTO with schema enforcement and support for allowed function names.
        mode = "VALIDATED"
    if mode == "AUTO" or not defined:
        return {}
    allowed = {"allowedFunctionNames": [provider_names[name] for name in names]} if names else {}
    return {"functionCallingConfig": {"mode": mode, **allowed}}


def _mode_and_names(choice: Any) -> tuple[str, list[str]]:
    """Parse a tool choice into Gemini's mode and the tools it is limited to, where [] means all."""
    if choice is None:
        return "AUTO", []
    if isinstance(choice, str) and choice in _MODES:
        return _MODES[choice], []
    if not isinstance(choice, dict):
        raise invalid_param("tool_choice", "must be auto, none, required, or name a tool")
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools")
        if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list):
            raise invalid_param("tool_choice", "must have `allowed_tools` with a list of `tools`")
        return _MODES.get(str(allowed.get("mode")), "AUTO"), [_function_name(tool) for tool in allowed["tools"]]
    return "ANY", [_function_name(choice)]


def _function_name(choice: Any) -> str:
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise invalid_param("tool_choice", "must name a function")
    return name
