"""Functions are the caller's, every other tool is Google's own."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.gemini.tools import functions, hosted_tools, tool_choice

F, G = (
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in "fg"
)


def chosen(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def test_functions_of_all_tools_are_one_list_and_the_rest_is_hosted() -> None:
    tools = [
        {"function_declarations": [{"name": "f"}], "googleSearch": {}},
        {"functionDeclarations": [{"name": "g"}]},
        {"google_search": {}},
        {"code_execution": {}},
    ]
    assert functions(tools) == [F, G]
    assert hosted_tools(tools) == ("googleSearch", "codeExecution")


def test_json_schema_passes_and_googles_own_is_translated() -> None:
    schema = {"type": "object", "properties": {"some_name": {"type": "string"}}}
    own = {"type": "OBJECT", "properties": {"some_name": {"type": "STRING"}}}
    for name, value in (("parametersJsonSchema", schema), ("parameters_json_schema", schema), ("parameters", own)):
        (found,) = functions([{"functionDeclarations": [{"name": "f", "description": "d", name: value}]}])
        assert found["function"] == {"name": "f", "description": "d", "parameters": schema}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, None),
        ({}, None),
        ({"mode": "AUTO"}, "auto"),
        ({"mode": "MODE_UNSPECIFIED"}, None),
        ({"mode": "VALIDATED"}, "auto"),
        ({"mode": "NONE", "allowedFunctionNames": ["f"]}, "none"),
        ({"mode": "ANY"}, "required"),
        ({"mode": "ANY", "allowed_function_names": ["f"]}, chosen("f")),
        (
            {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [chosen("f"), chosen("g")]}},
        ),
        (
            {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [chosen("f")]}},
        ),
    ],
)
def test_the_mode_is_the_choice(config: Any, expected: Any) -> None:
    for name in ("functionCallingConfig", "function_calling_config"):
        assert tool_choice({name: config} if config is not None else None, [F, G]) == expected


def test_without_functions_there_is_nothing_to_choose() -> None:
    assert tool_choice({"functionCallingConfig": {"mode": "ANY"}}, []) is None


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ("f", "tools"),
        ([5], "tools[0]"),
        ([{"functionDeclarations": {}}, {"functionDeclarations": 5}], "tools[1].functionDeclarations"),
        ([{"functionDeclarations": [5]}], "tools[0].functionDeclarations[0]"),
        ([{"functionDeclarations": [{}]}], "tools[0].functionDeclarations[0].name"),
        ([{"functionDeclarations": [{"name": "f", "parameters": 5}]}], "tools[0].functionDeclarations[0].parameters"),
    ],
)
def test_the_error_for_a_malformed_tool_names_it(tools: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        functions(tools)
    assert raised.value.param == param


def test_the_error_for_an_unknown_mode_names_it() -> None:
    with pytest.raises(InvalidRequestError) as raised:
        tool_choice({"functionCallingConfig": {"mode": "REQUIRED"}}, [F])
    assert raised.value.param == "toolConfig.functionCallingConfig.mode"
