"""The caller's tools become functions; those that Anthropic defines are named."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.anthropic_messages.tools import choice_members, functions, hosted_tools

TOOL = {"name": "f", "input_schema": {"type": "object"}}


def test_tools_with_a_type_of_their_own_are_hosted() -> None:
    body = {"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}, {"type": "mcp_toolset"}]}
    assert [tool["function"]["name"] for tool in functions(body)] == ["f"]
    assert hosted_tools(body) == ("web_search", "mcp_toolset")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, {}),
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "auto", "disable_parallel_tool_use": True}, {"tool_choice": "auto", "parallel_tool_calls": False}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
    ],
)
def test_a_choice(choice: Any, expected: dict[str, Any]) -> None:
    assert choice_members({"tools": [TOOL], "tool_choice": choice}) == expected


@pytest.mark.parametrize("kind", ["auto", "none"])
def test_a_choice_that_requires_nothing_needs_tools(kind: str) -> None:
    assert choice_members({"tool_choice": {"type": kind, "disable_parallel_tool_use": True}}) == {}


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        (5, "tools[0]"),
        ({"type": 5}, "tools[0]"),
        ({"input_schema": {}}, "tools[0].name"),
        ({"name": "f"}, "tools[0].input_schema"),
    ],
)
def test_a_malformed_tool_is_refused(tool: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        functions({"tools": [tool]})
    assert raised.value.param == param


def test_a_named_choice_needs_its_name() -> None:
    with pytest.raises(InvalidRequestError, match=r"tool_choice\.name"):
        choice_members({"tools": [TOOL], "tool_choice": {"type": "tool"}})


def test_a_required_tool_of_the_provider_has_no_translation() -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(InvalidRequestError, match="'web_search' is run by Anthropic only") as raised:
        choice_members({"tools": [search], "tool_choice": {"type": "tool", "name": "web_search"}})
    assert raised.value.param == "tool_choice"
