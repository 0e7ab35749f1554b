"""Cohere's SDK, with strict response types, works with the simulated Cohere."""

from __future__ import annotations

import json
import re
from uuid import UUID

import cohere
import pytest
from cohere.v2.types import V2ChatResponse, V2ChatStreamResponse
from pydantic import TypeAdapter

from proxy.sandbox.cohere import SIMULATION, handle
from proxy.sandbox.contract import Call, RateLimitWindow, SimulatedError
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox
from proxy.sse import decode

USER = [{"role": "user", "content": "What is the weather?"}]
ASKS_WEATHER = [{"role": "user", "content": [{"type": "text", "text": "Use get_weather please"}]}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
BASE = {"model": "command-a-03-2025", "messages": USER}
KEY = {"Authorization": "Bearer k"}


@pytest.fixture
async def sandbox():
    sandbox = await Sandbox.start({"cohere": "cohere"})
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def sdk(sandbox):
    async with cohere.AsyncClientV2(api_key="any", base_url=sandbox.base_url("cohere")) as client:
        yield client


def call(body, path="/v2/chat", method="POST", **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call("cohere", method, path, KEY, raw, **more)


def response_json(**more):
    return json.loads(handle(call({**BASE, **more})).frames[0])


def events(**more):
    decoded = [decode(frame) for frame in handle(call({**BASE, "stream": True, **more})).frames]
    parsed = [json.loads(event.data) for event in decoded]
    assert [event.name for event in decoded] == [one["type"] for one in parsed]
    return parsed


def result(id):
    return {"role": "tool", "tool_call_id": id, "content": [{"type": "document", "document": {"data": "sunny"}}]}


async def test_the_sdk_parses_a_response_and_lists_models(sdk):
    got = await sdk.chat(**BASE)
    text = got.message.content[0].text
    assert text == "Hello from cohere (command-a-03-2025), simulated. You said: What is the weather?"
    assert (got.finish_reason, got.usage.tokens.input_tokens) == ("COMPLETE", 5.0)
    assert "command-a-03-2025" in [model.name for model in (await sdk.models.list(endpoint="chat")).models]


async def test_the_sdk_parses_a_stream_with_the_same_text(sdk):
    expected = await sdk.chat(**BASE)
    stream = [event async for event in sdk.chat_stream(**BASE)]
    text = "".join(event.delta.message.content.text for event in stream if event.type == "content-delta")
    assert text == expected.message.content[0].text
    assert stream[-1].delta.usage == expected.usage


async def test_the_sdk_parses_a_tool_call_and_sends_the_result(sdk):
    request = {"model": "command-a-03-2025", "tools": [WEATHER]}
    got = await sdk.chat(**request, messages=ASKS_WEATHER)
    [use] = got.message.tool_calls
    assert json.loads(use.function.arguments) == {"city": "example"} and "get_weather" in got.message.tool_plan
    again = await sdk.chat(**request, messages=[*ASKS_WEATHER, got.message, result(use.id)])
    assert again.message.content[0].text.endswith("The tool said: sunny")


@pytest.mark.parametrize(
    "status, error",
    [(429, cohere.TooManyRequestsError), (498, cohere.InvalidTokenError), (503, cohere.ServiceUnavailableError)],
)
async def test_the_sdk_raises_its_own_error(sandbox, sdk, status, error):
    await sandbox.set_fault("cohere", Fault("status", status=status))
    with pytest.raises(error) as caught:
        await sdk.chat(**BASE, request_options={"max_retries": 0})
    assert set(caught.value.body) == {"id", "message"} and UUID(caught.value.body["id"])


@pytest.mark.parametrize("more", [{}, {"max_tokens": 2}, {"messages": ASKS_WEATHER, "tools": [WEATHER]}])
def test_responses_match_coheres_types(more):
    V2ChatResponse.model_validate(response_json(**more))
    adapter = TypeAdapter(V2ChatStreamResponse)
    for event in events(**more):
        assert adapter.validate_python(event).type == event["type"]


def test_text_events_are_in_coheres_order():
    kinds = [event["type"] for event in events()]
    assert kinds[:2] == ["message-start", "content-start"]
    assert set(kinds[2:-2]) == {"content-delta"} and len(kinds[2:-2]) > 2
    assert kinds[-2:] == ["content-end", "message-end"]


def test_tool_calls_follow_the_plan_one_object_per_event():
    tools = [WEATHER, {"type": "function", "function": {"name": "get_time", "parameters": {}}}]
    stream = events(messages=[{"role": "user", "content": "get_weather and get_time"}], tools=tools)
    assert [event["type"] for event in stream[:3]] == ["message-start", "tool-plan-delta", "tool-call-start"]
    starts = [event for event in stream if event["type"] == "tool-call-start"]
    assert [(event["index"], event["delta"]["message"]["tool_calls"]["function"]["name"]) for event in starts] == [
        (0, "get_weather"),
        (1, "get_time"),
    ]
    fragments = [
        event["delta"]["message"]["tool_calls"]["function"]["arguments"]
        for event in stream
        if event["type"] == "tool-call-delta" and event["index"] == 0
    ]
    assert len(fragments) > 1 and json.loads("".join(fragments)) == {"city": "example"}
    assert stream[-1]["delta"]["finish_reason"] == "TOOL_CALL"


def test_token_counts_are_floats_and_there_is_no_done_event():
    *_, last = handle(call({**BASE, "stream": True})).frames
    assert last.startswith(b"event: message-end\n") and re.search(rb'"output_tokens":\d+\.0\b', last)


def test_max_tokens_truncates_the_text():
    got = response_json(max_tokens=3)
    assert (got["finish_reason"], got["message"]["content"]) == (
        "MAX_TOKENS",
        [{"type": "text", "text": "Hello from c"}],
    )


@pytest.mark.parametrize("choice, reason", [(None, "COMPLETE"), ("NONE", "COMPLETE"), ("REQUIRED", "TOOL_CALL")])
def test_tool_choice_is_respected(choice, reason):
    assert response_json(tools=[WEATHER], tool_choice=choice)["finish_reason"] == reason


@pytest.mark.parametrize(
    "more, reason",
    [
        ({"n": 1}, "parameter 'n' is not a valid field"),
        ({"messages": []}, "'messages' must be a list"),
        ({"model": 5}, "'model' must be a str"),
        ({"temperature": 1.5}, "'temperature' must be between 0 and 1"),
        ({"p": 1}, "'p' must be between"),
        ({"messages": [{"role": "developer", "content": "x"}]}, "unknown role"),
        ({"messages": [*USER, {"role": "system", "content": "x"}, *USER]}, "system message must be the first"),
        ({"messages": [*USER, {"role": "assistant", "content": "x"}]}, "the last message"),
        ({"messages": [*USER, result("x")]}, "unknown tool_call_id"),
        ({"stop_sequences": ["a"] * 6}, "at most 5 stop_sequences"),
        ({"frequency_penalty": 0.5, "presence_penalty": 0.5}, "only one of"),
        ({"tools": [WEATHER], "tool_choice": "auto"}, "tool_choice must be"),
        ({"tool_choice": "REQUIRED"}, "needs tools"),
        ({"response_format": {"type": "json_schema"}}, "unknown type"),
        ({"response_format": {"type": "json_object"}, "tools": [WEATHER]}, "JSON mode"),
    ],
)
def test_an_invalid_request_is_a_400_with_the_reason(more, reason):
    body = {**BASE, **more}
    with pytest.raises(SimulatedError, match=reason) as caught:
        handle(call(body))
    reply = SIMULATION.render_error(call(body), caught.value)
    assert reply.status == 400 and reason in json.loads(reply.frames[0])["message"]


@pytest.mark.parametrize(
    "request_, status",
    [(Call("c", "GET", "/v1/models", {}, b""), 401), (call({}, "/v2/x"), 404), (call({}, method="GET"), 404)],
)
def test_key_and_path_are_checked(request_, status):
    with pytest.raises(SimulatedError) as caught:
        handle(request_)
    assert caught.value.status == status


def test_rate_limit_headers_are_absent_from_errors():
    request = call(BASE, window=RateLimitWindow(requests=10, request_limit=20))
    assert handle(request).headers["x-trial-endpoint-call-remaining"] == "10"
    assert not any(name.startswith("x-trial") for name in SIMULATION.render_error(request, SimulatedError(429)).headers)
