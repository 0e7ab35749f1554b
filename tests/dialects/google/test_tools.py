"""Tools and the choice among them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.tools import declarations, functions, provider_tool_names, tool_config
from proxy.dialects.names import original_names
from proxy.errors import InvalidRequestError


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def chosen(choice: Any, *tools: dict[str, Any], member: str = "tool_choice") -> dict[str, Any]:
    body = {"tools": list(tools), member: choice}
    defined = functions(body)
    return tool_config(body, defined, provider_tool_names(body, defined)).get("functionCallingConfig", {})


F, G = tool("f"), tool("g h")


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, {}),
        ("auto", {}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"type": "function", "function": {"name": "g h"}}, {"mode": "ANY", "allowedFunctionNames": ["g_h"]}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [F]}},
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [F]}},
            {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        ),
    ],
)
def test_each_choice_has_its_mode(choice: Any, wanted: dict[str, Any]) -> None:
    assert chosen(choice, F, G) == wanted


def test_a_strict_tool_is_validated_where_the_model_chooses() -> None:
    assert chosen("auto", tool("f", strict=True)) == {"mode": "VALIDATED"}
    assert chosen("none", tool("f", strict=True)) == {"mode": "NONE"}


def test_the_older_function_call_is_understood() -> None:
    assert chosen({"name": "f"}, F, member="function_call") == {"mode": "ANY", "allowedFunctionNames": ["f"]}


@pytest.mark.parametrize(
    ("choice", "tools"),
    [
        ({"type": "function", "function": {"name": "x"}}, [F]),
        ("required", []),
        ("sometimes", [F]),
        ({"type": "function"}, [F]),
        ({"type": "allowed_tools"}, [F]),
        ({"type": "allowed_tools", "allowed_tools": {"tools": [5]}}, [F]),
        (5, [F]),
    ],
)
def test_a_choice_of_what_is_not_there_is_refused(choice: Any, tools: list[Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        chosen(choice, *tools)
    assert caught.value.param == "tool_choice"


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_no_tools_need_no_choice(choice: Any) -> None:
    assert chosen(choice) == {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": "f"}, "tools"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"functions": [5]}, "functions[0].name"),
    ],
)
def test_a_definition_that_is_none_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        functions(body)
    assert caught.value.param == param


def test_names_of_tools_and_of_the_history_are_told_apart_and_come_back() -> None:
    history = {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "my tool/v1"}}],
        "function_call": {"name": "1st"},
    }
    body = {"tools": [tool("my.tool/v1"), tool("a b"), tool("a_b")], "messages": [history, "?"]}
    names = provider_tool_names(body, functions(body))
    assert names["a_b"] == "a_b"
    assert names["my.tool/v1"] == "my.tool_v1"
    assert names["1st"] == "_1st"
    assert len(set(names.values())) == 5
    assert all(original_names(names)[wire] == own for own, wire in names.items() if own != wire)


def test_all_functions_stand_in_one_tool() -> None:
    body = {"tools": [tool("f", description="does", parameters={"type": "object", "properties": {"a": {}}}), tool("g")]}
    defined = functions(body)
    assert declarations(defined, provider_tool_names(body, defined), 2) == [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "description": "does",
                    "parametersJsonSchema": {"type": "object", "properties": {"a": {}}},
                },
                {"name": "g"},
            ]
        }
    ]
