"""Choices and definitions of tools that mean nothing are refused."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from tests.dialects.anthropic.golden import asked

F = {"type": "function", "function": {"name": "f"}}


def allowed(**inner: Any) -> dict[str, Any]:
    return {"tools": [F], "tool_choice": {"type": "allowed_tools", "allowed_tools": inner}}


@pytest.mark.parametrize("change, param", [
    ({"tools": "f"}, "tools"),
    ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
    ({"tools": [F, {"type": "function"}]}, "tools[1].function.name"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"anyOf": 5}}}]}, "tools"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"anyOf": [{"required": [[]]}]}}}]}, "tools"),
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
def test_the_member_that_is_wrong_is_named(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "a"}]} | change)
    assert caught.value.param == param


@pytest.mark.parametrize("mode, warnings", [("required", ["param-dropped;name=tool_choice"]), ("auto", [])])
def test_a_demand_within_allowed_tools_is_a_demand_too(mode: str, warnings: list[str]) -> None:
    body = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "a"}]} | allowed(mode=mode, tools=[F])
    assert asked(body)["warnings"] == warnings
