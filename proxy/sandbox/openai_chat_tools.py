"""The tools of a simulated chat request, and its calls: functions of `tools`, custom tools, and the older `functions`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.sandbox.model import ToolCall

CUSTOM_SCHEMA: Mapping[str, Any] = {"properties": {"input": {"type": "string"}}, "required": ["input"]}
"""What the model takes a custom tool for: a function of one text."""

Members = dict[str, Any]


def callable_tools(body: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], bool]:
    """Return the tools that may be called, and whether one must be (Mistral: `any`)."""
    functions = [*(tool.get("function") or {} for tool in body.get("tools") or ()), *(body.get("functions") or ())]
    tools = {str(one.get("name")): one.get("parameters") or {} for one in functions if one}
    tools |= dict.fromkeys(_custom_names(body), CUSTOM_SCHEMA)
    choice = body.get("tool_choice") or body.get("function_call") or "auto"
    if isinstance(choice, dict):
        name = (choice.get("function") or choice.get("custom") or choice).get("name")
        return {name: tools[name]} if name in tools else {}, True
    return ({} if choice == "none" else tools), choice in ("required", "any")


def _custom_names(body: Mapping[str, Any]) -> set[str]:
    return {str(tool["custom"].get("name")) for tool in body.get("tools") or () if tool.get("custom")}


def call_members(body: Mapping[str, Any], calls: Mapping[str, ToolCall]) -> Members:
    """Return the members of a message with these calls, by their ids. `functions` are called one at a time."""
    if not calls:
        return {}
    if body.get("functions"):
        return {"function_call": _function(next(iter(calls.values())))}
    custom = _custom_names(body)
    return {"tool_calls": [{"id": id, **_call(call, call.name in custom)} for id, call in calls.items()]}


def call_deltas(body: Mapping[str, Any], calls: Mapping[str, ToolCall]) -> Iterator[Members]:
    """Yield the deltas of a stream with these calls."""
    for number, (id, call) in enumerate(list(calls.items())[: 1 if body.get("functions") else None]):
        members = call_members(body, {id: call})
        if body.get("functions"):
            yield {"function_call": {"name": call.name, "arguments": ""}}
            yield from ({"function_call": {"arguments": fragment}} for fragment in call.fragments())
            continue
        (opened,) = members["tool_calls"]
        if opened["type"] == "custom":
            yield {"tool_calls": [{"index": number, **opened, "custom": {**opened["custom"], "input": ""}}]}
            yield {"tool_calls": [{"index": number, "custom": {"input": opened["custom"]["input"]}}]}
            continue
        yield {"tool_calls": [{"index": number, **opened, "function": {**opened["function"], "arguments": ""}}]}
        for fragment in call.fragments():
            yield {"tool_calls": [{"index": number, "function": {"arguments": fragment}}]}


def finish_reason(body: Mapping[str, Any]) -> str:
    """Return the finish reason of a message with calls."""
    return "function_call" if body.get("functions") else "tool_calls"


def _call(call: ToolCall, is_custom: bool) -> Members:
    if is_custom:
        return {"type": "custom", "custom": {"name": call.name, "input": call.arguments["input"]}}
    return {"type": "function", "function": _function(call)}


def _function(call: ToolCall) -> Members:
    return {"name": call.name, "arguments": "".join(call.fragments())}
