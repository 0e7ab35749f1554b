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


def asking(**body: Any) -> ProviderRequest:
    body = {"model": "alias", "messages": HELLO, **body}
    return DIALECT.build_request(CallerRequest("chat", body, orjson.dumps(body), "up-model", bool(body.get("stream"))))


def asked(**body: Any) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(asking(**body).body)
    assert told.keys() <= KNOWN
    for message in told["messages"]:
        TypeAdapter(ChatMessageV2).validate_python(message, extra="forbid")
    for tool in told.get("tools", ()):
        TypeAdapter(ToolV2).validate_python(tool, extra="forbid")
    return told


@pytest.mark.parametrize("file", golden_files(REQUESTS, "*.openai.json"))
def test_a_request_becomes_exactly_its_golden_one(file: Path) -> None:
    told = asked(**orjson.loads(file.read_bytes()))
    assert told == orjson.loads(file.with_name(file.name.replace("openai", "cohere")).read_bytes())


@pytest.mark.parametrize("given, told, warned", [
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
def test_parameters_are_told_in_coheres_ranges(given: Any, told: tuple[str, Any], warned: str | None) -> None:
    assert asked(**given).get(told[0]) == told[1]
    assert asking(**given).warnings == ((warned,) if warned else ())


def test_of_two_penalties_one_is_dropped() -> None:  # G 47
    body = {"frequency_penalty": 0.5, "presence_penalty": 0.25}
    told = asked(**body)
    assert told["frequency_penalty"] == 0.5 and "presence_penalty" not in told
    assert asking(**body).warnings == ("param-dropped;name=presence_penalty",)
    assert asked(frequency_penalty=0, presence_penalty=0.25)["presence_penalty"] == 0.25


def test_two_answers_cannot_be_asked_for() -> None:  # G 68
    with pytest.raises(InvalidRequestError) as caught:
        asking(n=2)
    assert (caught.value.param, caught.value.code) == ("n", "unsupported_parameter")


def test_a_tool_that_must_be_called_is_the_only_one() -> None:  # G 48
    told = asked(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "f"}})
    assert [tool["function"]["name"] for tool in told["tools"]] == ["f"] and told["tool_choice"] == "REQUIRED"


@pytest.mark.parametrize("choice, told", [("auto", None), (None, None), ("none", "NONE"), ("required", "REQUIRED")])
def test_the_choice_of_tools_is_told_in_coheres_words(choice: Any, told: Any) -> None:
    assert asked(tools=TOOLS, tool_choice=choice).get("tool_choice") == told


def test_tools_are_strict_if_all_are() -> None:
    strict = [{"type": "function", "function": {"name": name, "strict": True}} for name in "fg"]
    assert asked(tools=strict)["strict_tools"] is True and "strict_tools" not in asked(tools=[strict[0], TOOLS[1]])


def test_names_that_cohere_would_not_take_are_changed_and_can_be_turned_back() -> None:  # G 69
    names = ["my.tool/v1", "a.b", "a_b", "2nd", "a-b"]
    its = asking(tools=[{"type": "function", "function": {"name": name}} for name in names])
    told = [tool["function"]["name"] for tool in orjson.loads(its.body)["tools"]]
    assert len(set(told)) == 5 and all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) for name in told)
    assert [its.tool_names.get(name, name) for name in told] == names


@pytest.mark.parametrize("body, param", [
    ({"messages": []}, "messages"), ({"messages": None}, "messages"), ({"stop": ["x"] * 6}, "stop"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"messages": [*HELLO, {"role": "assistant", "content": "x"}]}, "messages"),
    ({"audio": {}}, "audio"), ({"web_search_options": {}}, "web_search_options"),
    ({"function_call": "auto"}, "function_call"), ({"logprobs": True}, "logprobs"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools"),
    ({"tools": TOOLS, "tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice"),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
])  # fmt: skip
def test_what_cannot_be_said_is_an_error_that_names_it(body: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        asking(**body)
    assert caught.value.param == param
