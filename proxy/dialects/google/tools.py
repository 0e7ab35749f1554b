"""Tools: their definitions, and which of them the model may or must call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.google.schema import SizeBudget, parameters
from proxy.dialects.google.tables import LAST_SUBSET_GENERATION, TOOL_NAME
from proxy.dialects.hub.content import invalid_param, serialize_request
from proxy.dialects.names import sanitize_names

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def functions(body: Mapping[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The functions that a request defines, each with its path in it; `functions` is the older form of `tools`."""
    tools = body.get("tools")
    member, listed = ("functions", body.get("functions")) if tools is None else ("tools", tools)
    if listed is not None and not isinstance(listed, list):
        raise invalid_param(member, "must be a list")
    return [_function(tool, f"{member}[{index}]", member) for index, tool in enumerate(listed or ())]


def _function(tool: Any, where: str, member: str) -> tuple[dict[str, Any], str]:
    if member == "tools":
        if not isinstance(tool, dict) or tool.get("type") != "function":
            raise invalid_param(f"{where}.type", "Gemini takes tools of type 'function' alone")
        tool, where = tool.get("function"), f"{where}.function"
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
        raise invalid_param(f"{where}.name", "must be a string")
    return tool, where


def provider_tool_names(body: Mapping[str, Any], defined: Iterable[tuple[dict[str, Any], str]]) -> dict[str, str]:
    """The caller's names of tools, those of the history included -> names that Gemini takes."""
    return sanitize_names([*(function["name"] for function, _ in defined), *_called(body.get("messages"))], TOOL_NAME)


def _called(messages: Any) -> Iterable[str]:
    for message in messages if isinstance(messages, list) else ():
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        legacy = {"function": message.get("function_call")} if isinstance(message, dict) else {}
        for call in [*(calls if isinstance(calls, list) else ()), legacy]:
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                yield function["name"]


def declarations(
    defined: list[tuple[dict[str, Any], str]], told: Mapping[str, str], generation: int
) -> list[dict[str, Any]]:  # fmt: skip
    """Gemini's `tools`: one that holds them all."""
    size = (
        len(serialize_request({"functions": [function for function, _ in defined]}))
        if generation <= LAST_SUBSET_GENERATION
        else None
    )
    room = None if size is None else SizeBudget.for_schemas(size)
    declared = []
    for function, where in defined:
        about = {"description": function["description"]} if function.get("description") else {}
        schema = parameters(function.get("parameters"), f"{where}.parameters", room)
        declared.append({"name": told[function["name"]], **about, **schema})
    return [{"functionDeclarations": declared}] if declared else []


def tool_config(
    body: Mapping[str, Any], defined: list[tuple[dict[str, Any], str]], told: Mapping[str, str]
) -> dict[str, Any]:
    """Gemini's `toolConfig`, {} where its own default is meant. Raises InvalidRequestError for a tool that is not there."""
    member = "function_call" if body.get("tool_choice") is None and body.get("function_call") else "tool_choice"
    choice = body.get(member)
    if not defined and choice not in (None, "auto", "none"):
        raise invalid_param(member, "names a tool, but there are none")
    mode, names = _wanted(choice, member)
    known = {function["name"] for function, _ in defined}
    if unknown := [name for name in names if name not in known]:
        raise invalid_param(member, f"{unknown[0]!r} is not among the tools")
    if mode == "AUTO" and (names or any(function.get("strict") for function, _ in defined)):
        # The one mode that leaves the choice to the model and holds it to the schema, or to some of the tools.
        mode = "VALIDATED"
    if mode == "AUTO" or not defined:
        return {}
    allowed = {"allowedFunctionNames": [told[name] for name in names]} if names else {}
    return {"functionCallingConfig": {"mode": mode, **allowed}}


def _wanted(choice: Any, member: str) -> tuple[str, list[str]]:
    """The mode, and the tools it is about; [] is all."""
    if choice is None:
        return "AUTO", []
    if isinstance(choice, str) and choice in _MODES:
        return _MODES[choice], []
    if not isinstance(choice, dict):
        raise invalid_param(member, "must be auto, none, required, or name a tool")
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools")
        if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list):
            raise invalid_param(member, "must have `allowed_tools` with a list of `tools`")
        return _MODES.get(str(allowed.get("mode")), "AUTO"), [_named(tool, member) for tool in allowed["tools"]]
    return "ANY", [_named(choice, member)]


def _named(choice: Any, member: str) -> str:
    function = choice.get("function", choice) if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise invalid_param(member, "must name a function")
    return name
