"""Invalid tools and tool choices are rejected, with the path of the invalid member."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from tests.dialects.anthropic.golden import translated_request

F = {"type": "function", "function": {"name": "f"}}


def overlapping_schema() -> dict[str, Any]:
    """A schema whose branches refer to nested parts of itself: expanded, it would have twenty times its size."""
    schema: dict[str, Any] = {"description": "x" * 9_999}
    for _ in range(20):
        schema = {"properties": {"a": schema}}
    return {**schema, "anyOf": [{"$ref": f"#{'/properties/a' * depth}"} for depth in range(1, 20)]}


def allowed(**options: Any) -> dict[str, Any]:
    return {"tools": [F], "tool_choice": {"type": "allowed_tools", "allowed_tools": options}}


@pytest.mark.parametrize("change, param", [
    ({"tools": "f"}, "tools"),
    ({"tools": [{"type": "web_search"}]}, "tools"),
    ({"tools": [5]}, "tools[0].type"),
    ({"tools": [F, {"type": "function"}]}, "tools[1].function.name"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"anyOf": 5}}}]}, "tools"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"anyOf": [{"required": [[]]}]}}}]}, "tools"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": overlapping_schema()}}]}, "tools"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
    ({"tools": [F], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice"),
    ({"tools": [F], "tool_choice": {"type": "function"}}, "tool_choice"),
    ({"tools": [F], "tool_choice": "any"}, "tool_choice"),
    ({"tools": [F], "tool_choice": 5}, "tool_choice"),
    (allowed(mode="auto"), "tool_choice.allowed_tools"),
    (allowed(mode="auto", tools=["f"]), "tool_choice.allowed_tools.tools[0].type"),
    (allowed(mode="none?", tools=[F]), "tool_choice"),
    (allowed(mode="auto", tools=[{"type": "function", "function": {"name": "g"}}]), "tool_choice"),
])  # fmt: skip
def test_an_invalid_tool_or_choice_is_reported_with_its_path(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        translated_request({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "a"}]} | change)
    assert caught.value.param == param


@pytest.mark.parametrize("change", [
    {"tools": [F], "tool_choice": "required"}, {"tools": [F], "tool_choice": F}, allowed(mode="required", tools=[F]),
])  # fmt: skip
def test_requiring_a_call_is_rejected_for_a_model_without_forced_tools(change: dict[str, Any]) -> None:
    body = {"messages": [{"role": "user", "content": "a"}]} | change
    with pytest.raises(InvalidRequestError) as caught:
        translated_request({"model": "claude-opus-5-5"} | body)
    assert caught.value.param == "tool_choice"
    assert translated_request({"model": "claude-opus-5"} | body)["body"]["tool_choice"]["type"] in ("any", "tool")


def test_allowed_tools_in_mode_auto_works_without_forced_tools() -> None:
    body = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "a"}]}
    assert translated_request(body | allowed(mode="auto", tools=[F]))["warnings"] == []
