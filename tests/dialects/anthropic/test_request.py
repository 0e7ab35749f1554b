"""Requests to the Messages API: translation, dropped parameters with warnings, and rejected requests."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic_core import ValidationError

from proxy.dialects import DIALECTS
from proxy.dialects.anthropic import DIALECT
from proxy.dialects.contract import CallerRequest
from proxy.errors import InvalidRequestError
from tests.dialects.anthropic.golden import HERE, load, translated_request
from tests.dialects.oracles import corruptions, golden_files, strict

HI = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("file", golden_files(HERE / "requests", "*.openai.json"))
def test_a_request_is_translated_to_its_golden_file(file: Path) -> None:
    assert translated_request(load(file)) == load(file.with_name(file.name.replace(".openai.", ".anthropic.")))


@pytest.mark.parametrize("file", golden_files(HERE / "requests", "*.anthropic.json"))
def test_every_golden_request_is_valid_for_the_sdk(file: Path) -> None:
    body = load(file)["body"]
    for removed in ("temperature", "top_p"):  # removed in a later API version than the one requested
        body.pop(removed, None)
    strict(MessageCreateParamsStreaming if body.get("stream") else MessageCreateParamsNonStreaming).validate_python(
        body
    )


@pytest.mark.parametrize("change", [
    {"messages": [{"role": "bogus", "content": "x"}]}, {"temperature": 1}, {"max_tokens": None},
    {"messages": [{"role": "user", "content": [{"type": "bogus"}]}]},
])  # fmt: skip
def test_the_strict_sdk_types_reject_invalid_requests(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        strict(MessageCreateParamsNonStreaming).validate_python(
            {"model": "m", "max_tokens": 1, "messages": HI} | change
        )


@pytest.mark.parametrize("change, param", [
    ({"n": 2}, "n"),
    ({"audio": {"voice": "x"}}, "audio"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"response_format": {"type": "xml"}}, "response_format"),
    ({"response_format": {"type": "json_object"}, "model": "claude-opus-5-5"}, "response_format"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"$filter": {}}}}}]}, "tools"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}, "response_format"),
    ({"web_search_options": {}, "model": "claude-3-opus-latest"}, "web_search_options"),
    ({"web_search_options": {}, "response_format": {"type": "json_object"}}, "web_search_options"),
    ({"web_search_options": []}, "web_search_options"),
    ({"logprobs": True}, "logprobs"),
    ({"guided_json": {"type": "object"}}, "guided_json"),
    ({"messages": "hi"}, "messages"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": [1]}, "top_p"),
    ({"stop": 5}, "stop"),
    ({"stop": ["a", 5]}, "stop"),
    ({"tools": {}, "tool_choice": "required"}, "tool_choice"),
])  # fmt: skip
def test_an_unsupported_or_invalid_parameter_is_reported_by_name(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        translated_request({"model": "claude-sonnet-4-5", "messages": HI} | change)
    assert (caught.value.param, caught.value.status) == (param, 400)


@pytest.mark.parametrize("file", golden_files(HERE / "requests", "*.openai.json"))
def test_a_corrupted_request_raises_nothing_but_invalid_request(file: Path) -> None:
    body = load(file)
    for corrupted in corruptions({name: value for name, value in body.items() if name != "model"}):
        if isinstance(corrupted, dict):
            assert isinstance(DIALECT.unsupported_params(corrupted, body["model"]), tuple)
            with suppress(InvalidRequestError):
                translated_request({"messages": HI} | corrupted | {"model": body["model"]})


def test_a_request_nested_too_deeply_is_an_invalid_request() -> None:
    deep = json.loads('{"a":' * 400 + "1" + "}" * 400)
    tool = {"type": "function", "function": {"name": "f", "parameters": deep}}
    with pytest.raises(InvalidRequestError):
        translated_request({"model": "claude-sonnet-4-5", "messages": HI, "tools": [tool]})


@pytest.mark.parametrize("body, model, names", [
    ({"seed": 1, "store": False, "logit_bias": {}, "metadata": None}, "claude-sonnet-4-5", ("seed",)),
    ({"temperature": 0.5}, "claude-sonnet-4-5", ()),
    ({"temperature": 0.5, "top_p": 0.5}, "claude-sonnet-4-5", ("top_p",)),
    ({"temperature": 0.5, "top_p": 0.5}, "claude-opus-4-8", ("temperature", "top_p")),
    ({"reasoning_effort": "low", "response_format": {"type": "json_object"}}, "claude-opus-5", ()),
    ({"reasoning_effort": "low", "response_format": {"type": "json_object"}}, "claude-sonnet-4-6", ("reasoning_effort",)),
    ({"reasoning_effort": "low", "response_format": {"type": "json_object"}}, "claude-opus-5-5", ("response_format",)),
    ({"thinking": {"type": "enabled"}}, "claude-3-haiku", ("thinking",)), ({"reasoning_effort": "odd"}, "claude-opus-5", ("reasoning_effort",)),
    ({"reasoning_effort": "none"}, "claude-3-haiku", ()), ({"reasoning_effort": "low", "temperature": 0.5}, "claude-sonnet-4-5", ("temperature",)),
    ({"tools": [{"function": {"strict": True}}] * 21}, "claude-opus-5", ("strict",)),
    ({"tools": [{}], "tool_choice": "required"}, "claude-opus-5-5", ("tool_choice",)),
    ({"tools": [{}], "tool_choice": "required"}, "claude-opus-5", ()),
    ({"tools": [{"type": "web_search"}], "tool_choice": {"type": "custom"}}, "claude-opus-5-5", ("tool_choice", "tools")),
    ({"tools": [{"function": {"strict": True}}]}, "claude-opus-4-1", ("strict",)),
    ({"tools": [{"function": {"strict": True}}]}, "claude-opus-4-5", ()),
    ({"response_format": {"type": "text"}, "n": 1, "modalities": ["text"]}, "claude-opus-5", ()),
    ({"n": 2, "modalities": ["audio"]}, "claude-opus-5", ("n", "modalities")),
    ({"service_tier": "flex"}, "claude-opus-5", ("service_tier",)),
])  # fmt: skip
def test_unsupported_params_depend_on_the_model(body: dict[str, Any], model: str, names: tuple[str, ...]) -> None:
    assert DIALECT.unsupported_params(body, model) == names


def test_path_and_auth_are_those_of_the_messages_api() -> None:
    assert DIALECT.paths["chat"] == "/v1/messages"
    assert DIALECT.auth == "x-api-key"


@pytest.mark.parametrize("model, sent, warnings", [
    ("claude-haiku-4-5", 64_000, ("max-tokens-clamped;value=64000",)), ("claude-opus-4-8", 100_000, ()),
    ("claude-opus-9", 100_000, ()), ("other-vendors-model", 100_000, ()),
])  # fmt: skip
def test_a_limit_above_a_known_maximum_is_lowered(model: str, sent: int, warnings: tuple[str, ...]) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100_000}
    built = DIALECT.build_request(CallerRequest("chat", body, b"", model, False))
    assert (orjson.loads(built.body)["max_tokens"], built.warnings) == (sent, warnings)


def test_params_without_effect_on_the_answer_exclude_no_target() -> None:
    harmless = {"metadata": {"a": "b"}, "store": True, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k",
                "prompt_cache_retention": "24h", "prediction": {"type": "content", "content": "x"}}  # fmt: skip
    for dialect in DIALECTS.values():
        assert dialect.unsupported_params(harmless, "claude-opus-4-8") == ()
