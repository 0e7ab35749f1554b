"""A custom tool is a function with one string, there and back."""

from __future__ import annotations

import pytest

from proxy.dialects.hub.custom_tools import custom_arguments, custom_function, custom_input


def test_its_grammar_is_part_of_the_description() -> None:
    described = custom_function("Runs SQL.", {"syntax": "lark", "definition": "start: SELECT"})
    assert described["description"] == "Runs SQL.\n\nThe input must match this lark grammar:\nstart: SELECT"
    assert described["parameters"]["required"] == ["input"]
    assert "description" not in custom_function(None, None)


@pytest.mark.parametrize("text", ["", "a", 'a "b"\n\\ ä', '{"input": 1}', "\U0001f600"])
def test_the_input_of_a_custom_tool_survives_the_way_there_and_back(text: str) -> None:
    assert custom_input(custom_arguments(text)) == text


@pytest.mark.parametrize("arguments", ["", "{", "[]", '{"input":5}', '{"other":"x"}', "plain", "\ud800"])
def test_arguments_that_a_model_has_made_up_are_the_input(arguments: str) -> None:
    assert custom_input(arguments) == arguments
