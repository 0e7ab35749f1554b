"""Requests to Cohere: parameters, tools and names are translated, clamped, dropped or rejected."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import cohere
import orjson
import pytest
from cohere.types.chat_message_v2 import ChatMessageV2
from cohere.types.tool_v2 import ToolV2
from pydantic import TypeAdapter

from proxy.dialects.cohere import DIALECT
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.errors import InvalidRequestError
from tests.dialects.oracles import golden_files

REQUESTS = Path(__file__).parent / "requests"
HELLO = [{"role": "user", "content": "hi"}]
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
KNOWN = set(inspect.signature(cohere.ClientV2.chat).parameters) | {"stream"}


def provider_request(**body: Any) -> ProviderRequest:
    body = {"model": "alias", "messages": HELLO, **body}
    return DIALECT.build_request(CallerRequest("chat", body, orjson.dumps(body), "up-model", bool(body.get("stream"))))


def translated(**body: Any) -> dict[str, Any]:
    request: dict[str, Any] = orjson.loads(provider_request(**body).body)
    assert request.keys() <= KNOWN
    for message in request["messages"]:
        TypeAdapter(ChatMessageV2).validate_python(message, extra="forbid")
    for tool in request.get("tools", ()):
        TypeAdapter(ToolV2).validate_python(tool, extra="forbid")
    return request


@pytest.mark.parametrize("file", golden_files(REQUESTS, "*.openai.json"))
def test_a_request_is_translated_to_its_golden_file(file: Path) -> None:
    request = translated(**orjson.loads(file.read_bytes()))
    assert request == orjson.loads(file.with_name(file.name.replace("openai", "cohere")).read_bytes())


@pytest.mark.parametrize("given, expected, warning", [
    ({"temperature": 1.5}, ("temperature", 1), "param-clamped;name=temperature;value=1"),
    ({"top_p": 0}, ("p", 0.01), "param-clamped;name=top_p;value=0.01"),
    ({"top_k": 900}, ("k", 500), "param-clamped;name=top_k;value=500"),
    ({"seed": 3}, ("seed", 3), None), ({"seed": -3}, ("seed", None), "param-dropped;name=seed"),
    ({"frequency_penalty": -1}, ("frequency_penalty", None), "param-dropped;name=frequency_penalty"),
    ({"frequency_penalty": 2}, ("frequency_penalty", 1), "param-clamped;name=frequency_penalty;value=1"),
    ({"stop": "END"}, ("stop_sequences", ["END"]), None), ({"stop": []}, ("stop_sequences", None), None),
    ({"max_completion_tokens": 9}, ("max_tokens", 9), None),
    ({"parallel_tool_calls": False}, ("parallel_tool_calls", None), "param-dropped;name=parallel_tool_calls"),
    ({"reasoning_effort": "low"}, ("thinking", None), "param-dropped;name=reasoning_effort"),
    ({"response_format": {"type": "text"}}, ("response_format", None), None),
    ({"tools": [{**TOOLS[0], "function": {"name": "f", "strict": True}}, TOOLS[1]]}, ("strict_tools", None), "param-dropped;name=strict"),
    ({"user": "u", "stream_options": {}, "store": True}, ("user", None), None),
])  # fmt: skip
def test_parameters_are_clamped_to_coheres_ranges_or_dropped(
    given: Any, expected: tuple[str, Any], warning: str | None
) -> None:
    assert translated(**given).get(expected[0]) == expected[1]
    assert provider_request(**given).warnings == ((warning,) if warning else ())


def test_only_one_of_two_penalties_is_sent() -> None:
    body = {"frequency_penalty": 0.5, "presence_penalty": 0.25}
    request = translated(**body)
    assert request["frequency_penalty"] == 0.5 and "presence_penalty" not in request
    assert provider_request(**body).warnings == ("param-dropped;name=presence_penalty",)
    assert translated(frequency_penalty=0, presence_penalty=0.25)["presence_penalty"] == 0.25


def test_several_choices_are_rejected() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        provider_request(n=2)
    assert (caught.value.param, caught.value.code) == ("n", "unsupported_parameter")


def test_a_forced_tool_is_the_only_one_sent() -> None:
    request = translated(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "f"}})
    assert [tool["function"]["name"] for tool in request["tools"]] == ["f"] and request["tool_choice"] == "REQUIRED"


@pytest.mark.parametrize("choice, expected", [("auto", None), (None, None), ("none", "NONE"), ("required", "REQUIRED")])
def test_tool_choice_is_translated(choice: Any, expected: Any) -> None:
    assert translated(tools=TOOLS, tool_choice=choice).get("tool_choice") == expected


def test_strict_tools_is_set_if_all_tools_are_strict() -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "string"}}}
    strict = [
        {"type": "function", "function": {"name": name, "strict": True, "parameters": parameters}} for name in "fg"
    ]
    empty = {"type": "function", "function": {"name": "h", "strict": True}}
    assert "strict_tools" not in translated(tools=[strict[0], empty])
    assert translated(tools=strict)["strict_tools"] is True and "strict_tools" not in translated(
        tools=[strict[0], TOOLS[1]]
    )


def test_invalid_tool_names_are_mapped_to_unique_valid_names_and_back() -> None:
    names = ["my.tool/v1", "a.b", "a_b", "2nd", "a-b"]
    result = provider_request(tools=[{"type": "function", "function": {"name": name}} for name in names])
    sent = [tool["function"]["name"] for tool in orjson.loads(result.body)["tools"]]
    assert len(set(sent)) == 5 and all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) for name in sent)
    assert [result.tool_names.get(name, name) for name in sent] == names


@pytest.mark.parametrize("body, param", [
    ({"messages": []}, "messages"), ({"messages": None}, "messages"), ({"stop": ["x"] * 6}, "stop"),
    ({"messages": [{"role": "assistant", "content": ""}]}, "messages"),
    ({"messages": [*HELLO, {"role": "assistant", "content": "x"}]}, "messages"),
    ({"audio": {}}, "audio"), ({"web_search_options": {}}, "web_search_options"),
    ({"logprobs": True}, "logprobs"),
    ({"response_format": {"type": "json_object"}, "tools": TOOLS}, "response_format"),
    ({"tools": [{"type": "web_search"}]}, "tools"),
    ({"tools": TOOLS, "tool_choice": {"type": "web_search"}}, "tool_choice"),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
])  # fmt: skip
def test_an_unsupported_or_invalid_parameter_is_reported_by_name(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        provider_request(**body)
    assert caught.value.param == param


def test_a_limit_above_the_models_maximum_is_lowered() -> None:
    body = {"messages": HELLO, "max_tokens": 100_000}
    built = DIALECT.build_request(CallerRequest("chat", body, b"", "command-a-03-2025", False))
    assert orjson.loads(built.body)["max_tokens"] == 8_192
    assert built.warnings == ("max-tokens-clamped;value=8192",)


@pytest.mark.parametrize("given, thinking", [
    ({"reasoning_effort": "low"}, {"type": "enabled"}), ({"reasoning_effort": "none"}, {"type": "disabled"}), ({}, None),
    ({"thinking": {"type": "enabled", "budget_tokens": 500}}, {"type": "enabled", "token_budget": 500}),
])  # fmt: skip
def test_reasoning_models_can_be_told_to_think(given: dict[str, Any], thinking: Any) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], **given}
    request = DIALECT.build_request(CallerRequest("chat", body, b"", "command-a-reasoning-08-2025", stream=False))
    assert (orjson.loads(request.body).get("thinking"), request.warnings) == (thinking, ())
