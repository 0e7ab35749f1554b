"""Which tools the simulated Responses API may call."""

from __future__ import annotations

import pytest

from proxy.sandbox.openai_response_tools import callable_tools, is_tool_result, mentions_tool

F, G = ({"type": "function", "name": name, "parameters": {"type": "object"}} for name in ("f", "g"))
CUSTOM = {"type": "custom", "name": "c"}


@pytest.mark.parametrize("choice, expected", [
    (None, (["f", "g", "c"], False)),
    ("none", ([], False)),
    ("required", (["f", "g", "c"], True)),
    ({"type": "custom", "name": "c"}, (["c"], True)),
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}, (["g"], False)),
    ({"type": "allowed_tools", "mode": "required", "tools": []}, ([], True)),
])  # fmt: skip
def test_the_choice_selects_among_the_tools(choice, expected):
    tools, required = callable_tools({"tools": [F, G, CUSTOM, {"type": "web_search"}], "tool_choice": choice})
    assert (list(tools), required) == expected


def test_a_custom_tool_takes_one_text():
    tools, _ = callable_tools({"tools": [CUSTOM]})
    assert tools["c"]["required"] == ["input"]


@pytest.mark.parametrize("name, text, expected", [
    ("get_weather", "the weather", True), ("get_time", "the time", False), ("weather", "Weather", False),
])  # fmt: skip
def test_a_long_last_word_stands_for_the_tool(name, text, expected):
    assert mentions_tool({name: {}}, text) is expected


@pytest.mark.parametrize("kind", ["function_call_output", "custom_tool_call_output"])
def test_both_kinds_of_results_are_known(kind):
    assert is_tool_result({"type": kind}) and not is_tool_result({"type": "message"})
