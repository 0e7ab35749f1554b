"""Tools and tool choices are translated, or rejected with the path of the invalid member."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.tools import declarations, functions, provider_tool_names, tool_config
from proxy.dialects.names import original_names
from proxy.errors import InvalidRequestError


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def function_calling_config(choice: Any, *tools: dict[str, Any]) -> dict[str, Any]:
    body = {"tools": list(tools), "tool_choice": choice}
    return tool_config(body, functions(body), provider_tool_names(body)).get("functionCallingConfig", {})


F, G = tool("f"), tool("g h")


@pytest.mark.parametrize(
    ("choice", "config"),
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
def test_each_tool_choice_has_its_mode(choice: Any, config: dict[str, Any]) -> None:
    assert function_calling_config(choice, F, G) == config


def test_a_strict_tool_turns_auto_into_validated() -> None:
    assert function_calling_config("auto", tool("f", strict=True)) == {"mode": "VALIDATED"}
    assert function_calling_config("none", tool("f", strict=True)) == {"mode": "NONE"}


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
def test_an_invalid_or_unknown_tool_choice_is_rejected(choice: Any, tools: list[Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        function_calling_config(choice, *tools)
    assert caught.value.param == "tool_choice"


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_a_request_without_tools_has_no_config(choice: Any) -> None:
    assert function_calling_config(choice) == {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": "f"}, "tools"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ],
)
def test_an_invalid_tool_is_reported_with_its_path(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        functions(body)
    assert caught.value.param == param


def test_tool_names_are_mapped_to_unique_valid_names_and_back() -> None:
    history = {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "my tool/v1"}}, {"function": {"name": "1st"}}],
    }
    body = {"tools": [tool("my.tool/v1"), tool("a b"), tool("a_b")], "messages": [history, "?"]}
    names = provider_tool_names(body)
    assert names["a_b"] == "a_b"
    assert names["my.tool/v1"] == "my.tool_v1"
    assert names["1st"] == "_1st"
    assert len(set(names.values())) == 5
    assert all(
        original_names(names)[provider_name] == caller_name
        for caller_name, provider_name in names.items()
        if caller_name != provider_name
    )


def test_all_functions_are_declared_in_one_tool() -> None:
    body = {"tools": [tool("f", description="does", parameters={"type": "object", "properties": {"a": {}}}), tool("g")]}
    defined = functions(body)
    assert declarations(defined, provider_tool_names(body), 2) == [
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
