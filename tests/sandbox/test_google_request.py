"""The simulated Gemini accepts the requests that Gemini accepts, and no others."""

from __future__ import annotations

import pytest

from proxy.sandbox.contract import SimulatedError
from proxy.sandbox.google_request import check_request, parse_prompt, to_camel_case
from proxy.sandbox.google_rules import is_gemini_3_or_later

NEW, OLD = "gemini-3-pro-preview", "gemini-2.5-flash"
USER = {"role": "user", "parts": [{"text": "get_weather"}]}
CALLS = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]}
UNSIGNED = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "sunny"}}}]}
SIGNED_AFTER_TEXT = {"role": "model", "parts": [{"text": "I see."}, *CALLS["parts"], *UNSIGNED["parts"]]}


def tool(**schema):
    return {"functionDeclarations": [{"name": "get_weather", **schema}]}


def test_names_are_converted_to_camel_case_except_in_the_callers_data():
    mixed = {
        "generation_config": {"max_output_tokens": 1, "topP": 0.5},
        "contents": [{"parts": [{"function_call": {"name": "f", "args": {"my_key": 1}}}]}],
        "tools": [{"functionDeclarations": [{"parameters_json_schema": {"x_y": {"z_w": 1}}}]}],
    }
    assert to_camel_case(mixed) == {
        "generationConfig": {"maxOutputTokens": 1, "topP": 0.5},
        "contents": [{"parts": [{"functionCall": {"name": "f", "args": {"my_key": 1}}}]}],
        "tools": [{"functionDeclarations": [{"parametersJsonSchema": {"x_y": {"z_w": 1}}}]}],
    }


@pytest.mark.parametrize("model, is_strict", [(NEW, True), (OLD, False), ("gemini-flash-latest", True), ("m", True)])
def test_a_model_name_without_a_number_counts_as_gemini_3(model, is_strict):
    assert is_gemini_3_or_later(model) is is_strict


@pytest.mark.parametrize(
    "contents, model",
    [
        ([USER, CALLS, RESULT], NEW),
        ([USER, SIGNED_AFTER_TEXT, {"role": "user", "parts": RESULT["parts"] * 2}], NEW),
        ([USER, UNSIGNED, RESULT], OLD),
        ([USER, CALLS, {"role": "model", "parts": [{"text": ""}]}, RESULT], NEW),
        ([{"parts": [{"text": "hi"}]}], NEW),
    ],
)
def test_a_valid_conversation_is_accepted(contents, model):
    check_request({"contents": contents}, model, streamed=True)


@pytest.mark.parametrize(
    "body, reason",
    [
        ({}, "contents is not specified"),
        ({"contents": []}, "contents is not specified"),
        ({"contents": [USER], "messages": []}, 'Unknown name "messages"'),
        ({"contents": [USER], "generationConfig": {"maxTokens": 1}}, 'Unknown name "maxTokens"'),
        ({"contents": [{**USER, "name": "x"}]}, 'Unknown name "name"'),
        ({"contents": [{"parts": [{"type": "text", "text": "x"}]}]}, 'Unknown name "type"'),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role"),
        ({"contents": [{"role": "user", "parts": []}]}, "must not be empty"),
        ({"contents": [USER, UNSIGNED, RESULT]}, "missing a thought_signature"),
        ({"contents": [USER, CALLS, {"role": "user", "parts": RESULT["parts"] * 2}]}, "number of function responses"),
        ({"contents": [USER, RESULT]}, "number of function responses"),
        ({"contents": [USER], "generationConfig": {"candidateCount": 2}}, "Multiple candidates"),
        ({"contents": [USER], "tools": [tool(strict=True)]}, 'Unknown name "strict"'),
        ({"contents": [USER], "tools": [tool(parameters={"type": "object"})]}, "non-empty"),
        ({"contents": [USER], "tools": [tool(parameters={}, parametersJsonSchema={})]}, "exclude each other"),
        ({"contents": [USER], "toolConfig": {"functionCallingConfig": {"mode": "REQUIRED"}}}, "Invalid value"),
    ],
)
def test_an_invalid_request_is_a_400(body, reason):
    with pytest.raises(SimulatedError, match=reason) as caught:
        check_request(body, NEW, streamed=False)
    assert caught.value.status == 400


def test_older_models_allow_several_candidates_but_not_in_a_stream():
    body = {"contents": [USER], "generationConfig": {"candidateCount": 2}}
    check_request(body, OLD, streamed=False)
    with pytest.raises(SimulatedError):
        check_request(body, OLD, streamed=True)


@pytest.mark.parametrize(
    "calling, names, required",
    [
        ({}, ["get_weather", "get_time"], False),
        ({"mode": "NONE"}, [], False),
        ({"mode": "ANY"}, ["get_weather", "get_time"], True),
        ({"mode": "ANY", "allowedFunctionNames": ["get_time"]}, ["get_time"], True),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["get_time"]}, ["get_time"], False),
    ],
)
def test_the_prompt_contains_the_callable_tools(calling, names, required):
    tools = [tool(parameters={"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}), {"googleSearch": {}}]
    tools[0]["functionDeclarations"].append({"name": "get_time", "parametersJsonSchema": {"type": "object"}})
    prompt = parse_prompt(
        "google", NEW, {"contents": [USER], "tools": tools, "toolConfig": {"functionCallingConfig": calling}}
    )
    assert (list(prompt.tools), prompt.tool_required) == (names, required)


def test_type_names_in_capitals_are_converted():
    schema = {
        "type": "OBJECT",
        "properties": {"type": {"type": "ARRAY", "items": {"type": "INTEGER"}}},
        "required": ["a"],
    }
    prompt = parse_prompt("google", NEW, {"contents": [USER], "tools": [tool(parameters=schema)]})
    assert prompt.tools["get_weather"] == {
        "type": "object",
        "properties": {"type": {"type": "array", "items": {"type": "integer"}}},
        "required": ["a"],
    }


@pytest.mark.parametrize(
    "response, expected",
    [({"output": "sunny"}, "sunny"), ({"result": "sunny"}, "sunny"), ({"a": 1}, '{"a":1}'), ({"output": [1]}, "[1]")],
)
def test_tool_results_are_part_of_the_prompt(response, expected):
    result = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": response}}]}
    assert parse_prompt("google", NEW, {"contents": [USER, CALLS, result]}).tool_result == expected
    assert parse_prompt("google", NEW, {"contents": [USER, CALLS, result, USER]}).tool_result is None
