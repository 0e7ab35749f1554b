"""Requests to Gemini: validated by the types of Google's SDK, with member names in camelCase."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from google.genai import types
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from proxy.dialects.contract import CallerRequest
from proxy.dialects.google import DIALECT
from proxy.dialects.google.safety import parse_header
from proxy.errors import InvalidRequestError
from tests.dialects.oracles import corruptions, golden_files

HERE = Path(__file__).parent / "requests"
USER = {"role": "user", "content": "Hi"}
# The members below these have names chosen by the caller.
CALLER_MEMBERS = ("args", "response", "parametersJsonSchema", "properties")


@with_config(ConfigDict(extra="forbid"))
class GenerateContentRequest(TypedDict, total=False):
    contents: list[types.Content]
    systemInstruction: types.Content
    tools: list[types.Tool]
    toolConfig: types.ToolConfig
    safetySettings: list[types.SafetySetting]
    generationConfig: types.GenerationConfig
    serviceTier: types.ServiceTier


def members(value: Any) -> list[str]:
    """All member names defined by Google."""
    if isinstance(value, list):
        return [name for item in value for name in members(item)]
    if not isinstance(value, dict):
        return []
    return [*value, *(name for key, item in value.items() if key not in CALLER_MEMBERS for name in members(item))]


def validate(gemini_request: dict[str, Any]) -> None:
    """Raises if the types of Google's SDK, made strict, reject the request."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TypeAdapter(GenerateContentRequest).validate_python(gemini_request)
    assert gemini_request["contents"]
    assert all(content["role"] in ("user", "model") and content["parts"] for content in gemini_request["contents"])
    assert all(re.fullmatch("[a-z]+([A-Z][a-z]*)*", name) for name in members(gemini_request))


def translated(body: dict[str, Any], model: str = "gemini-2.5-flash", **extras: Any) -> tuple[dict[str, Any], Any]:
    provider_request = DIALECT.build_request(CallerRequest("chat", body, b"", model, bool(body.get("stream")), extras))
    gemini_request = json.loads(provider_request.body)
    validate(gemini_request)
    return gemini_request, provider_request


@pytest.mark.parametrize("file", golden_files(HERE, "*.openai.json"))
def test_a_request_is_translated_to_its_golden_file(file: Path) -> None:
    body = json.loads(file.read_text())
    gemini_request, provider_request = translated(body, body["model"])
    golden = {
        "path": provider_request.path,
        "warnings": list(provider_request.warnings),
        "names": provider_request.tool_names,
        "body": gemini_request,
    }
    assert golden == json.loads(file.with_name(file.name.replace("openai", "google")).read_text())


@pytest.mark.parametrize(
    "gemini_request",
    [
        {"contents": [{"role": "user", "parts": [{"text": "a"}]}], "max_tokens": 1},
        {"contents": [{"role": "user", "parts": [{"text": "a", "type": "text"}]}]},
        {"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "a"}]}], "generationConfig": {"max_output_tokens": 1}},
        {
            "contents": [{"role": "user", "parts": [{"text": "a"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "REQUIRED"}},
        },
    ],
)
def test_validation_rejects_invalid_requests(gemini_request: dict[str, Any]) -> None:
    with pytest.raises((ValueError, AssertionError, UserWarning)):
        validate(gemini_request)


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-2.5-flash", False, "/v1beta/models/gemini-2.5-flash:generateContent"),
        ("models/gemini-2.5-flash", True, "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ("a/../b?c{x}:d", False, "/v1beta/models/a%2F..%2Fb%3Fc%7Bx%7D%3Ad:generateContent"),
    ],
)
def test_the_model_is_percent_encoded_in_the_path(model: str, stream: bool, path: str) -> None:
    assert translated({"messages": [USER], "stream": stream}, model)[1].path == path


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ({}, None),
        ({"max_tokens": 5}, {"maxOutputTokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"maxOutputTokens": 6}),
        ({"temperature": 0, "top_p": 0}, {"temperature": 0, "topP": 0}),
        ({"temperature": None, "stop": None, "n": 1}, None),
        ({"stop": ["a", "", "b"]}, {"stopSequences": ["a", "b"]}),
        ({"seed": -1}, {"seed": 2**31 - 1}),
        ({"n": 3}, {"candidateCount": 3}),
        ({"presence_penalty": 0, "frequency_penalty": 1.5}, {"frequencyPenalty": 1.5}),
        ({"top_k": 7}, {"topK": 7}),
    ],
)
def test_scalar_parameters_go_into_the_generation_config(given: dict[str, Any], config: Any) -> None:
    assert translated({"messages": [USER], **given})[0].get("generationConfig") == config


@pytest.mark.parametrize(
    ("body", "model", "names"),
    [
        ({"messages": [], "model": "x", "temperature": 1, "routing": {}, "user": "u"}, "gemini-2.5-flash", ()),
        ({"logprobs": True, "top_logprobs": 3}, "gemini-2.5-flash", ("logprobs", "top_logprobs")),
        ({"logprobs": False, "top_logprobs": 0, "logit_bias": {}}, "gemini-2.5-flash", ()),
        ({"reasoning_effort": "low"}, "gemini-2.5-flash", ()),
        ({"reasoning_effort": "low"}, "gemini-2.0-flash", ("reasoning_effort",)),
        ({"reasoning_effort": "none"}, "gemini-2.0-flash", ()),
        ({"thinking": {"type": "odd"}}, "gemini-3-pro", ("thinking",)),
        ({"response_format": {"type": "json_object"}}, "gemini-2.5-flash", ()),
        ({"response_format": {"type": "grammar"}}, "gemini-2.5-flash", ("response_format",)),
        ({"response_format": {"type": "text"}, "parallel_tool_calls": True}, "gemini-2.5-flash", ()),
        ({"parallel_tool_calls": False, "anything": 1}, "gemini-2.5-flash", ("parallel_tool_calls", "anything")),
        ({"presence_penalty": 1, "frequency_penalty": 0}, "gemini-3-pro-preview", ("presence_penalty",)),
        ({"presence_penalty": 1}, "gemini-2.5-pro", ()),
        ({"n": 2}, "gemini-2.5-pro", ()),
        ({"n": 2}, "gemini-3-flash", ("n",)),
        ({"n": 2, "stream": True}, "gemini-2.5-pro", ("n",)),
        ({"service_tier": "auto"}, "gemini-3-flash", ()),
        ({"service_tier": "scale"}, "gemini-3-flash", ("service_tier",)),
    ],
)
def test_unsupported_params_depend_on_the_model(body: dict[str, Any], model: str, names: tuple[str, ...]) -> None:
    assert DIALECT.unsupported_params(body, model) == names


def test_dropped_parameters_are_in_the_warnings_unless_invalid_in_a_header() -> None:
    gemini_request, provider_request = translated({"messages": [USER], "verbosity": "low", "a\r\nb": 1, "é": 1})
    assert provider_request.warnings == ("param-dropped;name=verbosity", "param-dropped;name=unknown")
    assert list(gemini_request) == ["contents"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"n": 2, "stream": True}, "n"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": 5}, "web_search_options"),
        ({"logprobs": True}, "logprobs"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"stop": 5}, "stop"),
        ({"stop": [5]}, "stop"),
        ({"safety_settings": "low"}, "safety_settings"),
    ],
)
def test_an_unsupported_or_invalid_parameter_is_reported_by_name(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        translated({"messages": [USER], **change})
    assert caught.value.param == param


def test_safety_settings_of_the_header_take_precedence() -> None:
    body = {"messages": [USER], "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]}
    assert translated(body)[0]["safetySettings"] == body["safety_settings"]
    header = parse_header('{"harm_block_threshold": "BLOCK_NONE", "categories": ["HARM_CATEGORY_VIOLENCE"]}')
    gemini_request, provider_request = translated(body, safety_settings=header)
    assert gemini_request["safetySettings"] == [
        {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "BLOCK_NONE"}
    ]
    assert provider_request.warnings == ("safety-category-mapped",)


def test_a_request_nested_too_deeply_is_an_invalid_request() -> None:
    schema: dict[str, Any] = {}
    for _ in range(400):
        schema = {"type": "object", "properties": {"a": schema}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    with pytest.raises(InvalidRequestError):
        DIALECT.build_request(
            CallerRequest("chat", {"messages": [USER], "tools": tools}, b"", "gemini-2.5-flash", False)
        )


@pytest.mark.parametrize("file", golden_files(HERE, "*.openai.json"))
def test_a_corrupted_request_is_sent_or_rejected(file: Path) -> None:
    golden = json.loads(file.read_text())
    for body in filter(lambda body: isinstance(body, dict), corruptions(golden)):
        try:
            DIALECT.build_request(CallerRequest("chat", body, b"", golden["model"], bool(body.get("stream"))))
        except InvalidRequestError as error:
            assert error.param


def test_models_without_system_instructions_get_them_in_the_first_user_content() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    sent, _ = translated({"messages": messages}, model="gemma-3-27b-it")
    assert sent["contents"] == [{"role": "user", "parts": [{"text": "s"}, {"text": "u"}]}]
    assert "systemInstruction" not in sent


@pytest.mark.parametrize(
    "model", ["gemini-2.5-pro", "gemini-3-pro-preview", "gemini-pro-latest", "gemini-flash-lite-latest"]
)
def test_a_limit_above_the_models_maximum_is_lowered(model: str) -> None:
    body = {"messages": [{"role": "user", "content": "u"}], "max_tokens": 100_000}
    sent, request = translated(body, model=model)
    assert sent["generationConfig"] == {"maxOutputTokens": 65_536}
    assert request.warnings == ("max-tokens-clamped;value=65536",)
