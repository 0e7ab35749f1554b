"""Choices and definitions of tools that mean nothing are refused."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from tests.dialects.anthropic.golden import asked

F = {"type": "function", "function": {"name": "f"}}


def overlapping() -> dict[str, Any]:
    """A schema whose branches are parts of it that hold one another: written out it would have twenty times its size."""
    schema: dict[str, Any] = {"description": "x" * 9_999}
    for _ in range(20):
        schema = {"properties": {"a": schema}}
    return {**schema, "anyOf": [{"$ref": f"#{'/properties/a' * depth}"} for depth in range(1, 20)]}


def allowed(**inner: Any) -> dict[str, Any]:
    return {"tools": [F], "tool_choice": {"type": "allowed_tools", "allowed_tools": inner}}


@pytest.mark.parametrize("change, param", [
    ({"tools": "f"}, "tools"),
    ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools"),
    ({"tools": [5]}, "tools[0].type"),
    ({"tools": [F, {"type": "function"}]}, "tools[1].function.name"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"anyOf": 5}}}]}, "tools"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"anyOf": [{"required": [[]]}]}}}]}, "tools"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": overlapping()}}]}, "tools"),
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
    with pytest.raises(InvalidRequestError) as caught:
        asked({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "a"}]} | change)
    assert caught.value.param == param


@pytest.mark.parametrize("change", [
    {"tools": [F], "tool_choice": "required"}, {"tools": [F], "tool_choice": F}, allowed(mode="required", tools=[F]),
])  # fmt: skip
def test_a_call_cannot_be_demanded_of_a_model_that_takes_no_demand(change: dict[str, Any]) -> None:
    body = {"messages": [{"role": "user", "content": "a"}]} | change
    with pytest.raises(InvalidRequestError) as caught:
        asked({"model": "claude-opus-5-5"} | body)
    assert caught.value.param == "tool_choice"
    assert asked({"model": "claude-opus-5"} | body)["body"]["tool_choice"]["type"] in ("any", "tool")


def test_a_choice_that_demands_nothing_suits_every_model() -> None:
    body = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "a"}]}
    assert asked(body | allowed(mode="auto", tools=[F]))["warnings"] == []
