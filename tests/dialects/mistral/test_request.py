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


def build(**body: Any) -> ProviderRequest:
    body = {"model": "alias", "messages": HELLO, **body}
    return DIALECT.build_request(CallerRequest("chat", body, orjson.dumps(body), "up-model", bool(body.get("stream"))))


def sent(**body: Any) -> dict[str, Any]:
    members: dict[str, Any] = orjson.loads(build(**body).body)
    ChatCompletionRequest.model_validate(members, extra="forbid")
    return members


@pytest.mark.parametrize("file", golden_files(REQUESTS, "*.openai.json"))
def test_requests_match_the_golden_files(file: Path) -> None:
    members = sent(**orjson.loads(file.read_bytes()))
    assert members == orjson.loads(file.with_name(file.name.replace("openai", "mistral")).read_bytes())


def test_members_unknown_to_mistral_are_not_sent() -> None:  # G 43
    members = sent(user="u", stream_options={"include_usage": True}, seed=3, logit_bias={"1": 1}, stream=True,
                 messages=[{"role": "user", "name": "joe", "content": [
                     {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}])  # fmt: skip
    assert members == {
        "model": "up-model", "stream": True, "random_seed": 3,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }  # fmt: skip


def test_dropped_parameters_with_an_effect_are_named_in_warnings() -> None:
    body = {"logit_bias": {"1": 1}, "user": "u", "store": True, "reasoning_effort": "low", "verbosity": None,
            "a b\n": 1, "response_format": {"type": "text"}, "service_tier": "flex", "seed": -1}  # fmt: skip
    names = ("logit_bias", "a b\n", "service_tier", "seed", "reasoning_effort")
    assert DIALECT.unsupported_params(body, "m") == names
    assert [warning.removeprefix("param-dropped;name=") for warning in build(**body).warnings] == [
        "logit_bias", "unknown", "service_tier", "seed", "reasoning_effort",
    ]  # fmt: skip
    assert (
        DIALECT.unsupported_params({"response_format": {"type": "text"}, "service_tier": "auto", "logit_bias": {}}, "m")
        == ()
    )


@pytest.mark.parametrize("params, expected, warning", [
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
def test_parameters_get_mistrals_names_and_ranges(params: Any, expected: tuple[str, Any], warning: str | None) -> None:
    assert sent(**params).get(expected[0]) == expected[1]
    assert build(**params).warnings == ((warning,) if warning else ())


@pytest.mark.parametrize("body, param", [
    ({"messages": "hi"}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "assistant", "content": ""}]}, "messages"),
    ({"audio": {"voice": "x"}}, "audio"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"temperature": "hot"}, "temperature"),
    ({"tools": [{"type": "web_search"}]}, "tools"),
    ({"tools": [{"type": 5}]}, "tools[0].type"),
    ({"response_format": {"type": "grammar"}}, "response_format"),
    ({"response_format": "json"}, "response_format"),
    ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "h"}}}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
])  # fmt: skip
def test_requests_that_mistral_cannot_express_are_rejected(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        build(**body)
    assert caught.value.param == param


SCHEMA = {"name": "answer", "strict": True, "schema": {"type": "object", "properties": {}}}


@pytest.mark.parametrize("shape, expected", [
    ({"type": "json_object"}, {"type": "json_object"}),
    ({"type": "json_schema", "json_schema": SCHEMA}, {"type": "json_schema", "json_schema": SCHEMA}),
    ({"type": "json_schema", "json_schema": {**SCHEMA, "x": 1}, "y": 2}, {"type": "json_schema", "json_schema": SCHEMA}),
    ({"type": "text"}, None),
])  # fmt: skip
def test_the_response_format_keeps_only_mistrals_members(shape: Any, expected: Any) -> None:
    assert sent(response_format=shape).get("response_format") == expected
    assert build(response_format=shape).warnings == ()


@pytest.mark.parametrize("choice, expected, remaining", [
    ("auto", "auto", "fg"), ("none", "none", "fg"), ("required", "any", "fg"),
    ({"type": "function", "function": {"name": "g"}}, {"type": "function", "function": {"name": "g"}}, "fg"),
    ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": TOOLS[1:]}}, "any", "g"),
])  # fmt: skip
def test_tool_choice_is_translated(choice: Any, expected: Any, remaining: str) -> None:
    body = sent(tools=TOOLS, tool_choice=choice)
    assert body["tool_choice"] == expected
    assert "".join(tool["function"]["name"] for tool in body["tools"]) == remaining


def test_invalid_tool_names_are_changed_reversibly() -> None:  # G 69
    names = ["my.tool/v1", "a.b", "a_b"]
    built = build(tools=[{"type": "function", "function": {"name": name}} for name in names])
    tool_names = [tool["function"]["name"] for tool in orjson.loads(built.body)["tools"]]
    assert len(set(tool_names)) == 3 and all(re.fullmatch("[A-Za-z0-9_-]{1,64}", name) for name in tool_names)
    assert [built.tool_names.get(name, name) for name in tool_names] == names


@pytest.mark.parametrize("model, given, effort, dropped", [
    ("mistral-small-latest", {"reasoning_effort": "low"}, "high", ()), ("mistral-medium-3-5", {"reasoning_effort": "none"}, "none", ()),
    ("mistral-medium-latest", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, "high", ()),
    ("mistral-small-latest", {"reasoning_effort": "odd"}, None, ("reasoning_effort",)),
    ("magistral-medium-latest", {"reasoning_effort": "high"}, None, ()), ("magistral-medium-latest", {"reasoning_effort": "none"}, None, ("reasoning_effort",)),
    ("mistral-large-latest", {"reasoning": {"effort": "low"}}, None, ("reasoning",)), ("mistral-large-latest", {"reasoning_effort": "none"}, None, ()),
])  # fmt: skip
def test_reasoning_is_on_or_off(
    model: str, given: dict[str, Any], effort: str | None, dropped: tuple[str, ...]
) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], **given}
    request = DIALECT.build_request(CallerRequest("chat", body, b"", model, stream=False))
    assert orjson.loads(request.body).get("reasoning_effort") == effort
    assert request.warnings == tuple(f"param-dropped;name={name}" for name in dropped)
