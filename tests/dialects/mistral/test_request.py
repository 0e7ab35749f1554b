from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from mistralai.client.models import ChatCompletionRequest

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.mistral import DIALECT
from proxy.errors import InvalidRequestError
from tests.dialects.oracles import golden_files

REQUESTS = Path(__file__).parent / "requests"
HELLO = [{"role": "user", "content": "hi"}]
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]


def asking(**body: Any) -> ProviderRequest:
    body = {"model": "alias", "messages": HELLO, **body}
    return DIALECT.build_request(CallerRequest("chat", body, orjson.dumps(body), "up-model", bool(body.get("stream"))))


def asked(**body: Any) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(asking(**body).body)
    ChatCompletionRequest.model_validate(told, extra="forbid")
    return told


@pytest.mark.parametrize("file", golden_files(REQUESTS, "*.openai.json"))
def test_a_request_becomes_exactly_its_golden_one(file: Path) -> None:
    told = asked(**orjson.loads(file.read_bytes()))
    assert told == orjson.loads(file.with_name(file.name.replace("openai", "mistral")).read_bytes())


def test_what_mistral_does_not_know_never_reaches_it() -> None:  # G 43
    told = asked(user="u", stream_options={"include_usage": True}, seed=3, logit_bias={"1": 1}, stream=True,
                 messages=[{"role": "user", "name": "joe", "content": [
                     {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}])  # fmt: skip
    assert told == {
        "model": "up-model", "stream": True, "random_seed": 3,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }  # fmt: skip


def test_what_is_left_out_is_named_unless_it_makes_no_difference() -> None:
    body = {"logit_bias": {"1": 1}, "user": "u", "store": True, "reasoning_effort": "low", "verbosity": None,
            "a b\n": 1, "response_format": {"type": "text"}, "service_tier": "flex", "seed": -1}  # fmt: skip
    names = ("logit_bias", "reasoning_effort", "a b\n", "service_tier", "seed")
    assert DIALECT.unsupported_params(body, "m") == names
    assert [warning.removeprefix("param-dropped;name=") for warning in asking(**body).warnings] == [
        "logit_bias", "reasoning_effort", "unknown", "service_tier", "seed",
    ]  # fmt: skip
    assert (
        DIALECT.unsupported_params({"response_format": {"type": "text"}, "service_tier": "auto", "logit_bias": {}}, "m")
        == ()
    )


@pytest.mark.parametrize("given, told, warned", [
    ({"temperature": 1.8}, ("temperature", 1.5), "param-clamped;name=temperature;value=1.5"),
    ({"temperature": 1.2}, ("temperature", 1.2), None),
    ({"top_p": 0}, ("top_p", 0.0001), "param-clamped;name=top_p;value=0.0001"),
    ({"seed": 5}, ("random_seed", 5), None),
    ({"seed": -5}, ("random_seed", None), "param-dropped;name=seed"),
    ({"max_tokens": 5}, ("max_tokens", 5), None),
    ({"max_tokens": 5, "max_completion_tokens": 9}, ("max_tokens", 9), None),
    ({"n": 2}, ("n", 2), None),
    ({"service_tier": "default"}, ("service_tier", "standard_only"), None),
    ({"stop": "END"}, ("stop", "END"), None),
])  # fmt: skip
def test_parameters_are_told_in_mistrals_ranges(given: Any, told: tuple[str, Any], warned: str | None) -> None:
    assert asked(**given).get(told[0]) == told[1]
    assert asking(**given).warnings == ((warned,) if warned else ())


@pytest.mark.parametrize("body, param", [
    ({"messages": "hi"}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"audio": {"voice": "x"}}, "audio"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"temperature": "hot"}, "temperature"),
    ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools"),
    ({"tools": [{"type": 5}]}, "tools[0].type"),
    ({"response_format": {"type": "grammar"}}, "response_format"),
    ({"response_format": "json"}, "response_format"),
    ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "h"}}}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
])  # fmt: skip
def test_what_cannot_be_said_is_an_error_that_names_it(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        asking(**body)
    assert caught.value.param == param


SCHEMA = {"name": "answer", "strict": True, "schema": {"type": "object", "properties": {}}}


@pytest.mark.parametrize("shape, told", [
    ({"type": "json_object"}, {"type": "json_object"}),
    ({"type": "json_schema", "json_schema": SCHEMA}, {"type": "json_schema", "json_schema": SCHEMA}),
    ({"type": "json_schema", "json_schema": {**SCHEMA, "x": 1}, "y": 2}, {"type": "json_schema", "json_schema": SCHEMA}),
    ({"type": "text"}, None),
])  # fmt: skip
def test_the_shape_of_the_answer_is_told_as_openai_would_be(shape: Any, told: Any) -> None:
    assert asked(response_format=shape).get("response_format") == told
    assert asking(response_format=shape).warnings == ()


@pytest.mark.parametrize("choice, told, left", [
    ("auto", "auto", "fg"), ("none", "none", "fg"), ("required", "any", "fg"),
    ({"type": "function", "function": {"name": "g"}}, {"type": "function", "function": {"name": "g"}}, "fg"),
    ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": TOOLS[1:]}}, "any", "g"),
])  # fmt: skip
def test_the_choice_of_tools_is_told_in_mistrals_words(choice: Any, told: Any, left: str) -> None:
    body = asked(tools=TOOLS, tool_choice=choice)
    assert body["tool_choice"] == told
    assert "".join(tool["function"]["name"] for tool in body["tools"]) == left


def test_names_that_mistral_would_not_take_are_changed_and_can_be_turned_back() -> None:  # G 69
    names = ["my.tool/v1", "a.b", "a_b"]
    its = asking(tools=[{"type": "function", "function": {"name": name}} for name in names])
    told = [tool["function"]["name"] for tool in orjson.loads(its.body)["tools"]]
    assert len(set(told)) == 3 and all(re.fullmatch("[A-Za-z0-9_-]{1,64}", name) for name in told)
    assert [its.tool_names.get(name, name) for name in told] == names
