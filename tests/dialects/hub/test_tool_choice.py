from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.tool_choice import (
    non_function_tools,
    parse_tool_selection,
    requires_call,
    strict_flags,
    used_tool_names,
)
from proxy.errors import InvalidRequestError

F, G = ({"type": "function", "function": {"name": name}} for name in "fg")


def allowed(mode: Any, *tools: Any) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


@pytest.mark.parametrize("choice, functions, mode, forced", [
    (None, "fg", "auto", None), ("none", "fg", "none", None), ("required", "fg", "required", None),
    (G, "fg", "required", "g"), (allowed("auto", G), "g", "auto", None),
    (allowed("required", F, G), "fg", "required", None),
])  # fmt: skip
def test_tools_and_choice_are_combined(choice: Any, functions: str, mode: str, forced: str | None) -> None:
    selection = parse_tool_selection({"tools": [F, G], "tool_choice": choice})
    assert ("".join(function["name"] for function in selection.functions), selection.mode, selection.forced_name) == (
        functions,
        mode,
        forced,
    )


@pytest.mark.parametrize("body, param", [
    ({"tools": "f"}, "tools"), ({"tools": [1]}, "tools[0].type"), ({"tools": [{"type": "custom"}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
    ({"tool_choice": "required"}, "tool_choice"), ({"tool_choice": "any"}, "tool_choice"),
    ({"tool_choice": F}, "tool_choice"),
    ({"tools": [F], "tool_choice": G}, "tool_choice"),
    ({"tools": [F], "tool_choice": allowed("auto", G)}, "tool_choice"),
    ({"tools": [F], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools"),
    ({"tools": [F], "tool_choice": allowed("required")}, "tool_choice.allowed_tools.mode"),
])  # fmt: skip
def test_invalid_tools_and_choices_are_rejected(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_tool_selection(body)
    assert caught.value.param == param


def test_tools_that_the_caller_does_not_run_are_found_by_their_type() -> None:
    custom = {"type": "custom", "custom": {"name": "c"}}
    hosted = {"type": "web_search"}
    assert non_function_tools({"tools": [F, custom], "tool_choice": custom}) == ()
    assert non_function_tools({"tools": [F, hosted], "tool_choice": hosted}) == ("tools", "tool_choice")
    assert non_function_tools({"tools": [F, 5, {}, {"type": 5}], "tool_choice": allowed("auto", F)}) == ()
    assert non_function_tools({"tools": 5, "tool_choice": "required"}) == non_function_tools({}) == ()


@pytest.mark.parametrize("choice, required", [
    ("required", True), (F, True), ({}, True), (allowed("required", F), True), (allowed("auto", F), False),
    ({"type": "allowed_tools"}, False), ("auto", False), ("none", False), (None, False), (5, False),
])  # fmt: skip
def test_a_choice_requires_a_call_or_leaves_it_to_the_model(choice: Any, required: bool) -> None:
    assert requires_call(choice) is required


def test_strict_flags_are_read() -> None:
    tools = [{"function": {"name": "f", "strict": True}}, {"function": {"name": "g"}}, {"function": 5}, 6]
    assert strict_flags({"tools": tools}) == [True, False] and strict_flags({}) == strict_flags({"tools": 5}) == []


def test_names_are_those_of_tools_then_those_of_calls() -> None:
    messages = [{"role": "user"}, {"tool_calls": [{"function": {"name": "h"}}, {}, 3]}, 4, {"tool_calls": 5}]
    assert used_tool_names({"tools": [F, G, 6], "messages": messages}) == ["f", "g", "h"]
    assert used_tool_names({}) == []
