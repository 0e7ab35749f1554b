"""The simulated Gemini takes what Gemini takes, and nothing else."""

from __future__ import annotations

import pytest

from proxy.sandbox.contract import SimulatedError
from proxy.sandbox.google_request import check_request, is_gemini_3_or_later, parse_prompt, to_camel_case

NEW, OLD = "gemini-3-pro-preview", "gemini-2.5-flash"
USER = {"role": "user", "parts": [{"text": "get_weather"}]}
CALLS = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]}
UNSIGNED = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "sunny"}}}]}
SIGNED_AFTER_TEXT = {"role": "model", "parts": [{"text": "I see."}, *CALLS["parts"], *UNSIGNED["parts"]]}


def tool(**schema):
    return {"functionDeclarations": [{"name": "get_weather", **schema}]}


def test_both_cases_are_taken_but_not_below_what_is_the_callers_own():
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


@pytest.mark.parametrize("model, newest", [(NEW, True), (OLD, False), ("gemini-flash-latest", True), ("m", True)])
def test_a_name_without_a_number_is_the_newest(model, newest):
    assert is_gemini_3_or_later(model) is newest


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
def test_a_conversation_is_taken(contents, model):
    check_request({"contents": contents}, model, streamed=True)


@pytest.mark.parametrize(
    "body, says",
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
def test_what_gemini_does_not_take_is_a_400(body, says):
    with pytest.raises(SimulatedError, match=says) as caught:
        check_request(body, NEW, streamed=False)
    assert caught.value.status == 400


def test_an_older_model_gives_several_candidates_but_not_in_a_stream():
    body = {"contents": [USER], "generationConfig": {"candidateCount": 2}}
    check_request(body, OLD, streamed=False)
    with pytest.raises(SimulatedError):
        check_request(body, OLD, streamed=True)


@pytest.mark.parametrize(
    "calling, names, forced",
    [
        ({}, ["get_weather", "get_time"], False),
        ({"mode": "NONE"}, [], False),
        ({"mode": "ANY"}, ["get_weather", "get_time"], True),
        ({"mode": "ANY", "allowedFunctionNames": ["get_time"]}, ["get_time"], True),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["get_time"]}, ["get_time"], False),
    ],
)
def test_a_prompt_knows_which_tools_may_be_called(calling, names, forced):
    tools = [tool(parameters={"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}), {"googleSearch": {}}]
    tools[0]["functionDeclarations"].append({"name": "get_time", "parametersJsonSchema": {"type": "object"}})
    made = parse_prompt(
        "google", NEW, {"contents": [USER], "tools": tools, "toolConfig": {"functionCallingConfig": calling}}
    )
    assert (list(made.tools), made.tool_required) == (names, forced)


def test_types_in_capitals_are_json_schemas_own():
    schema = {
        "type": "OBJECT",
        "properties": {"type": {"type": "ARRAY", "items": {"type": "INTEGER"}}},
        "required": ["a"],
    }
    made = parse_prompt("google", NEW, {"contents": [USER], "tools": [tool(parameters=schema)]})
    assert made.tools["get_weather"] == {
        "type": "object",
        "properties": {"type": {"type": "array", "items": {"type": "integer"}}},
        "required": ["a"],
    }


@pytest.mark.parametrize(
    "response, said",
    [({"output": "sunny"}, "sunny"), ({"result": "sunny"}, "sunny"), ({"a": 1}, '{"a":1}'), ({"output": [1]}, "[1]")],
)
def test_what_a_tool_returned_is_heard(response, said):
    result = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": response}}]}
    assert parse_prompt("google", NEW, {"contents": [USER, CALLS, result]}).tool_result == said
    assert parse_prompt("google", NEW, {"contents": [USER, CALLS, result, USER]}).tool_result is None
