"""Every form of a tool, a choice and a call in the history becomes that of a function."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.custom_tools import custom_arguments, custom_function
from proxy.dialects.hub.tool_forms import FUNCTIONS_ONLY, ToolForms, as_functions
from proxy.errors import InvalidRequestError

F = {"name": "f", "parameters": {"type": "object"}}
G = {"type": "function", "function": {"name": "g"}}
C = {
    "type": "custom",
    "custom": {"name": "c", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}},
}
C_FUNCTION = {
    "type": "function",
    "function": {"name": "c", **custom_function(None, {"syntax": "regex", "definition": "a+"})},
}
ASK = {"role": "user", "content": "x"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tools": [G], "tool_choice": {"type": "function", "function": {"name": "g"}}, "messages": [ASK]},
        {"tools": [{"type": "web_search"}], "tool_choice": "required", "messages": 5},
        {"functions": [], "function_call": None, "messages": [5, {"role": "assistant", "function_call": None}]},
    ],
)
def test_what_has_no_other_form_does_not_change(body: dict[str, Any]) -> None:
    assert as_functions(body) == ({}, FUNCTIONS_ONLY)


@pytest.mark.parametrize(
    ("choice", "tool_choice"),
    [("auto", "auto"), ("none", "none"), ({"name": "f"}, {"type": "function", "function": {"name": "f"}})],
)
def test_functions_become_tools(choice: Any, tool_choice: Any) -> None:
    changes, forms = as_functions({"functions": [F], "function_call": choice})
    assert changes["tools"] == [{"type": "function", "function": F}]
    assert (changes["tool_choice"], changes["parallel_tool_calls"]) == (tool_choice, False)
    assert forms == ToolForms(is_legacy=True)


def test_calls_and_results_of_the_older_form_are_paired_by_ids() -> None:
    call = {"name": "f", "arguments": "{}"}
    messages = [
        ASK,
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "f", "content": "1"},
    ]
    changes, forms = as_functions({"messages": [*messages, *messages]})
    assert changes["messages"][:3] == [
        ASK,
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
    ]
    assert [each.get("tool_call_id") for each in changes["messages"]] == [None, None, "call_1", None, None, "call_4"]
    assert changes["messages"][0] is ASK and forms is FUNCTIONS_ONLY


@pytest.mark.parametrize(
    ("choice", "tool_choice"),
    [
        ({"type": "custom", "custom": {"name": "c"}}, {"type": "function", "function": {"name": "c"}}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [C, G]}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": C["custom"]}, G]}},
        ),
    ],
)  # fmt: skip
def test_custom_tools_become_functions_with_one_string(choice: Any, tool_choice: Any) -> None:
    changes, forms = as_functions({"tools": [G, C], "tool_choice": choice})
    assert changes == {"tools": [G, C_FUNCTION], "tool_choice": tool_choice}
    assert forms == ToolForms(custom=frozenset({"c"}))


def test_calls_of_custom_tools_in_the_history_have_their_input_as_argument() -> None:
    call = {"id": "call_9", "type": "custom", "custom": {"name": "c", "input": 'a "b"'}}
    history = [
        ASK,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_9", "content": "ok"},
    ]
    changes, _ = as_functions({"messages": history})
    function = {"name": "c", "arguments": custom_arguments('a "b"')}
    assert changes["messages"][1]["tool_calls"] == [{"id": "call_9", "type": "function", "function": function}]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"functions": {"name": "f"}}, "functions"),
        ({"functions": [F, {}]}, "functions[1].name"),
        ({"functions": [5]}, "functions[0].name"),
        ({"tools": [C, {"type": "custom", "custom": {}}]}, "tools[1].custom.name"),
        ({"functions": [F], "tools": {"type": "custom"}}, "tools"),
        ({"functions": [F], "function_call": {"name": 5}}, "function_call.name"),
        ({"messages": [ASK, {"role": "assistant", "function_call": "f"}]}, "messages[1].function_call.name"),
        ({"messages": [{"role": "assistant", "function_call": F, "tool_calls": 5}]}, "messages[0].tool_calls"),
    ],
)
def test_a_malformed_tool_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        as_functions(body)
    assert caught.value.param == param
