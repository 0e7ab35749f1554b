"""Requests to Gemini: what is sent is what Google's own types take, in the spelling of the wire."""

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
# Below these members stand the caller's own words.
FREE = ("args", "response", "parametersJsonSchema", "properties")


@with_config(ConfigDict(extra="forbid"))
class Wire(TypedDict, total=False):
    contents: list[types.Content]
    systemInstruction: types.Content
    tools: list[types.Tool]
    toolConfig: types.ToolConfig
    safetySettings: list[types.SafetySetting]
    generationConfig: types.GenerationConfig
    serviceTier: types.ServiceTier


def members(value: Any) -> list[str]:
    """All names of members that are Google's."""
    if isinstance(value, list):
        return [name for item in value for name in members(item)]
    if not isinstance(value, dict):
        return []
    return [*value, *(name for key, item in value.items() if key not in FREE for name in members(item))]


def judge(wire: dict[str, Any]) -> None:
    """Raises unless Google's types take it, strictly."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TypeAdapter(Wire).validate_python(wire)
    assert wire["contents"]
    assert all(content["role"] in ("user", "model") and content["parts"] for content in wire["contents"])
    assert all(re.fullmatch("[a-z]+([A-Z][a-z]*)*", name) for name in members(wire))


def asked(body: dict[str, Any], model: str = "gemini-2.5-flash", **extras: Any) -> tuple[dict[str, Any], Any]:
    asking = DIALECT.build_request(CallerRequest("chat", body, b"", model, bool(body.get("stream")), extras))
    wire = json.loads(asking.body)
    judge(wire)
    return wire, asking


@pytest.mark.parametrize("file", golden_files(HERE, "*.openai.json"))
def test_golden_requests_are_translated_as_written_down(file: Path) -> None:
    body = json.loads(file.read_text())
    wire, asking = asked(body, body["model"])
    whole = {"path": asking.path, "warnings": list(asking.warnings), "names": asking.tool_names, "body": wire}
    assert whole == json.loads(file.with_name(file.name.replace("openai", "google")).read_text())


@pytest.mark.parametrize(
    "wire",
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
def test_the_judge_refuses_what_gemini_would_refuse(wire: dict[str, Any]) -> None:
    with pytest.raises((ValueError, AssertionError, UserWarning)):
        judge(wire)


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-2.5-flash", False, "/v1beta/models/gemini-2.5-flash:generateContent"),
        ("models/gemini-2.5-flash", True, "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ("a/../b?c{x}:d", False, "/v1beta/models/a%2F..%2Fb%3Fc%7Bx%7D%3Ad:generateContent"),
    ],
)
def test_the_model_stands_quoted_in_the_path(model: str, stream: bool, path: str) -> None:
    assert asked({"messages": [USER], "stream": stream}, model)[1].path == path


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
def test_scalars_go_into_the_generation_config(given: dict[str, Any], config: Any) -> None:
    assert asked({"messages": [USER], **given})[0].get("generationConfig") == config


@pytest.mark.parametrize(
    ("body", "model", "names"),
    [
        ({"messages": [], "model": "x", "temperature": 1, "routing": {}, "user": "u"}, "gemini-2.5-flash", ()),
        ({"logprobs": True, "top_logprobs": 3}, "gemini-2.5-flash", ("logprobs", "top_logprobs")),
        ({"logprobs": False, "top_logprobs": 0, "logit_bias": {}}, "gemini-2.5-flash", ()),
        ({"reasoning_effort": "low"}, "gemini-2.5-flash", ("reasoning_effort",)),
        ({"response_format": {"type": "json_object"}}, "gemini-2.5-flash", ("response_format",)),
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
def test_what_gemini_cannot_express_is_listed(body: dict[str, Any], model: str, names: tuple[str, ...]) -> None:
    assert DIALECT.unsupported_params(body, model) == names


def test_what_was_dropped_is_named_but_never_what_could_break_a_header() -> None:
    wire, asking = asked({"messages": [USER], "verbosity": "low", "a\r\nb": 1, "é": 1})
    assert asking.warnings == ("param-dropped;name=verbosity", "param-dropped;name=unknown")
    assert list(wire) == ["contents"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"n": 2, "stream": True}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"logprobs": True}, "logprobs"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"stop": 5}, "stop"),
        ({"stop": [5]}, "stop"),
        ({"safety_settings": "low"}, "safety_settings"),
    ],
)
def test_what_no_request_can_express_is_refused_by_name(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        asked({"messages": [USER], **change})
    assert caught.value.param == param


def test_safety_settings_come_from_the_header_before_the_body() -> None:
    body = {"messages": [USER], "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]}
    assert asked(body)[0]["safetySettings"] == body["safety_settings"]
    header = parse_header('{"harm_block_threshold": "BLOCK_NONE", "categories": ["HARM_CATEGORY_VIOLENCE"]}')
    wire, asking = asked(body, safety_settings=header)
    assert wire["safetySettings"] == [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "BLOCK_NONE"}]
    assert asking.warnings == ("safety-category-mapped",)


def test_a_request_that_is_nested_too_deeply_to_be_written_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(400):
        schema = {"type": "object", "properties": {"a": schema}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    with pytest.raises(InvalidRequestError):
        DIALECT.build_request(
            CallerRequest("chat", {"messages": [USER], "tools": tools}, b"", "gemini-2.5-flash", False)
        )


@pytest.mark.parametrize("file", golden_files(HERE, "*.openai.json"))
def test_a_request_with_any_part_of_it_damaged_is_sent_or_refused(file: Path) -> None:
    whole = json.loads(file.read_text())
    for body in filter(lambda body: isinstance(body, dict), corruptions(whole)):
        try:
            DIALECT.build_request(CallerRequest("chat", body, b"", whole["model"], bool(body.get("stream"))))
        except InvalidRequestError as error:
            assert error.param
