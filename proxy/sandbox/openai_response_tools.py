"""The tools of a simulated Responses request: functions, custom tools and namespaces of both. OpenAI's own are never used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.sandbox.contract import Call
from proxy.sandbox.model import ToolCall
from proxy.sandbox.openai_chat_tools import CUSTOM_SCHEMA

Item = dict[str, Any]

_MIN_WORD_LENGTH = 6
"""Characters of a word by which a tool is recognised."""


def callable_tools(body: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], bool]:
    """Return the tools that may be called, by name, with the schema of their arguments, and whether one must be."""
    tools = {tool["name"]: _schema(tool) for tool, _ in _tools(body)}
    choice = body.get("tool_choice") or "auto"
    if not isinstance(choice, dict):
        return ({} if choice == "none" else tools), choice == "required"
    if choice.get("type") == "allowed_tools":
        allowed = {tool.get("name") for tool in choice.get("tools") or ()}
        return {name: schema for name, schema in tools.items() if name in allowed}, choice.get("mode") == "required"
    return {name: schema for name, schema in tools.items() if name == choice.get("name")}, True


def mentions_tool(tools: Mapping[str, Any], text: str) -> bool:
    """Whether a message contains the last word of a tool's name, such as `weather` for `get_weather`."""
    words = (name.rpartition("_")[2] for name in tools)
    return any(len(word) >= _MIN_WORD_LENGTH and word in text for word in words)


def call_item(call: Call, body: Mapping[str, Any], tool_call: ToolCall, number: int) -> Item:
    """Return the item of one call. `number` counts the calls of the response from 0."""
    tool, namespace = next((tool, namespace) for tool, namespace in _tools(body) if tool["name"] == tool_call.name)
    ids = {"call_id": f"call_{call.id(20)}{number:02}"}
    named = {"name": tool_call.name, "status": "completed", **({"namespace": namespace} if namespace else {})}
    if tool["type"] == "custom":
        members = {
            "type": "custom_tool_call",
            "id": f"ctc_{call.id(20)}{number:02}",
            "input": tool_call.arguments["input"],
        }
    else:
        arguments = "".join(tool_call.fragments())
        members = {"type": "function_call", "id": f"fc_{call.id(20)}{number:02}", "arguments": arguments}
    return {**members, **ids, **named}


def is_tool_result(item: Mapping[str, Any]) -> bool:
    """Whether an input item is what a tool has returned."""
    return item.get("type") in ("function_call_output", "custom_tool_call_output")


def _tools(body: Mapping[str, Any]) -> Iterator[tuple[Item, str]]:
    """Yield the tools that the client runs, each with its namespace, "" for none."""
    for tool in body.get("tools") or ():
        if tool["type"] == "namespace":
            yield from ((inner, tool["name"]) for inner in tool.get("tools") or ())
        elif tool["type"] in ("function", "custom"):
            yield tool, ""


def _schema(tool: Item) -> Mapping[str, Any]:
    return CUSTOM_SCHEMA if tool["type"] == "custom" else tool.get("parameters") or {}
