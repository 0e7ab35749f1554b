"""The simulated Cohere is good enough for Cohere's own SDK, strictly read."""

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
    running = await Sandbox.start({"cohere": "cohere"})
    yield running
    await running.close()


@pytest.fixture
async def sdk(sandbox):
    async with cohere.AsyncClientV2(api_key="any", base_url=sandbox.base_url("cohere")) as client:
        yield client


def call(body, path="/v2/chat", method="POST", **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call("cohere", method, path, KEY, raw, **more)


def whole(**more):
    return json.loads(handle(call({**BASE, **more})).frames[0])


def events(**more):
    decoded = [decode(frame) for frame in handle(call({**BASE, "stream": True, **more})).frames]
    parsed = [json.loads(event.data) for event in decoded]
    assert [event.name for event in decoded] == [one["type"] for one in parsed]
    return parsed


def result(id):
    return {"role": "tool", "tool_call_id": id, "content": [{"type": "document", "document": {"data": "sunny"}}]}


async def test_the_sdk_reads_an_answer_and_lists_models(sdk):
    got = await sdk.chat(**BASE)
    text = got.message.content[0].text
    assert text == "Hello from cohere (command-a-03-2025), simulated. You said: What is the weather?"
    assert (got.finish_reason, got.usage.tokens.input_tokens) == ("COMPLETE", 5.0)
    assert "command-a-03-2025" in [model.name for model in (await sdk.models.list(endpoint="chat")).models]


async def test_the_sdk_reads_a_stream_to_the_same_answer(sdk):
    expected = await sdk.chat(**BASE)
    told = [event async for event in sdk.chat_stream(**BASE)]
    text = "".join(event.delta.message.content.text for event in told if event.type == "content-delta")
    assert text == expected.message.content[0].text
    assert told[-1].delta.usage == expected.usage


async def test_the_sdk_calls_a_tool_and_sends_its_result(sdk):
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
def test_every_answer_has_the_shape_of_coheres(more):
    V2ChatResponse.model_validate(whole(**more))
    adapter = TypeAdapter(V2ChatStreamResponse)
    for event in events(**more):
        assert adapter.validate_python(event).type == event["type"]


def test_text_comes_in_coheres_order():
    kinds = [event["type"] for event in events()]
    assert kinds[:2] == ["message-start", "content-start"]
    assert set(kinds[2:-2]) == {"content-delta"} and len(kinds[2:-2]) > 2
    assert kinds[-2:] == ["content-end", "message-end"]


def test_a_call_comes_after_its_plan_one_at_a_time_and_not_in_a_list():
    tools = [WEATHER, {"type": "function", "function": {"name": "get_time", "parameters": {}}}]
    told = events(messages=[{"role": "user", "content": "get_weather and get_time"}], tools=tools)
    assert [event["type"] for event in told[:3]] == ["message-start", "tool-plan-delta", "tool-call-start"]
    starts = [event for event in told if event["type"] == "tool-call-start"]
    assert [(event["index"], event["delta"]["message"]["tool_calls"]["function"]["name"]) for event in starts] == [
        (0, "get_weather"),
        (1, "get_time"),
    ]
    fragments = [
        event["delta"]["message"]["tool_calls"]["function"]["arguments"]
        for event in told
        if event["type"] == "tool-call-delta" and event["index"] == 0
    ]
    assert len(fragments) > 1 and json.loads("".join(fragments)) == {"city": "example"}
    assert told[-1]["delta"]["finish_reason"] == "TOOL_CALL"


def test_counts_are_floats_and_no_done_follows():
    *_, last = handle(call({**BASE, "stream": True})).frames
    assert last.startswith(b"event: message-end\n") and re.search(rb'"output_tokens":\d+\.0\b', last)


def test_a_limit_cuts_the_text():
    got = whole(max_tokens=3)
    assert (got["finish_reason"], got["message"]["content"]) == (
        "MAX_TOKENS",
        [{"type": "text", "text": "Hello from c"}],
    )


@pytest.mark.parametrize("choice, reason", [(None, "COMPLETE"), ("NONE", "COMPLETE"), ("REQUIRED", "TOOL_CALL")])
def test_tool_choice_is_obeyed(choice, reason):
    assert whole(tools=[WEATHER], tool_choice=choice)["finish_reason"] == reason


@pytest.mark.parametrize(
    "more, says",
    [
        ({"n": 1}, "parameter 'n' is not a valid field"),
        ({"messages": []}, "'messages' must be a list"),
        ({"model": 5}, "'model' must be a str"),
        ({"temperature": 1.5}, "'temperature' must be between 0 and 1"),
        ({"p": 1}, "'p' must be between"),
        ({"messages": [{"role": "developer", "content": "x"}]}, "unknown role"),
        ({"messages": [*USER, {"role": "system", "content": "x"}, *USER]}, "system message must be the first"),
        ({"messages": [*USER, {"role": "assistant", "content": "x"}]}, "the last message"),
        ({"messages": [*USER, result("x")]}, "answers no call"),
        ({"stop_sequences": ["a"] * 6}, "stop_sequences: 5 at most"),
        ({"frequency_penalty": 0.5, "presence_penalty": 0.5}, "one penalty"),
        ({"tools": [WEATHER], "tool_choice": "auto"}, "tool_choice must be"),
        ({"tool_choice": "REQUIRED"}, "needs tools"),
        ({"response_format": {"type": "json_schema"}}, "no such type"),
        ({"response_format": {"type": "json_object"}, "tools": [WEATHER]}, "not both"),
    ],
)
def test_a_bad_request_is_a_400_that_says_why(more, says):
    body = {**BASE, **more}
    with pytest.raises(SimulatedError, match=says) as caught:
        handle(call(body))
    reply = SIMULATION.render_error(call(body), caught.value)
    assert reply.status == 400 and says in json.loads(reply.frames[0])["message"]


@pytest.mark.parametrize(
    "request_, status",
    [(Call("c", "GET", "/v1/models", {}, b""), 401), (call({}, "/v2/x"), 404), (call({}, method="GET"), 404)],
)
def test_key_and_path_are_checked(request_, status):
    with pytest.raises(SimulatedError) as caught:
        handle(request_)
    assert caught.value.status == status


def test_the_allowance_is_told_but_not_with_an_error():
    request = call(BASE, window=RateLimitWindow(requests=10, request_limit=20))
    assert handle(request).headers["x-trial-endpoint-call-remaining"] == "10"
    assert not any(name.startswith("x-trial") for name in SIMULATION.render_error(request, SimulatedError(429)).headers)
