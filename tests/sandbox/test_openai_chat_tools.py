"""The simulated model calls tools in the form in which the request has them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.sandbox.model import ToolCall
from proxy.sandbox.openai_chat_tools import call_deltas, call_members, callable_tools, finish_reason

FUNCTION = {"name": "f", "parameters": {"type": "object"}}
CUSTOM = {"type": "custom", "custom": {"name": "c"}}
BODY: dict[str, Any] = {"tools": [{"type": "function", "function": FUNCTION}, CUSTOM]}
CALLS = {"call_1": ToolCall("f", {"x": 1}), "call_2": ToolCall("c", {"input": "a"})}


@pytest.mark.parametrize(
    ("body", "names", "required"),
    [
        (BODY, ["f", "c"], False),
        ({**BODY, "tool_choice": CUSTOM}, ["c"], True),
        ({"functions": [FUNCTION]}, ["f"], False),
        ({"functions": [FUNCTION], "function_call": {"name": "f"}}, ["f"], True),
        ({"functions": [FUNCTION], "function_call": "none"}, [], False),
    ],
)
def test_tools_of_every_form_may_be_called(body: dict[str, Any], names: list[str], required: bool) -> None:
    tools, is_required = callable_tools(body)
    assert (list(tools), is_required) == (names, required)


def test_a_message_has_its_calls_in_the_form_of_their_tools() -> None:
    function, custom = call_members(BODY, CALLS)["tool_calls"]
    assert function == {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    assert custom == {"id": "call_2", "type": "custom", "custom": {"name": "c", "input": "a"}}
    assert call_members({"functions": [FUNCTION]}, CALLS) == {"function_call": {"name": "f", "arguments": '{"x":1}'}}
    assert call_members(BODY, {}) == {}
    assert (finish_reason(BODY), finish_reason({"functions": [FUNCTION]})) == ("tool_calls", "function_call")


def test_a_stream_has_them_in_pieces() -> None:
    assert [delta["tool_calls"][0]["index"] for delta in call_deltas(BODY, CALLS)] == [0, 0, 1, 1]
    assert list(call_deltas({"functions": [FUNCTION]}, CALLS)) == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"x":1}'}},
    ]
