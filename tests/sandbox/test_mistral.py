"""Mistral's SDK, with strict response types, works with the simulated Mistral."""

from __future__ import annotations

import json

import pytest
from mistralai.client import Mistral, errors
from mistralai.client.models import ChatCompletionResponse, CompletionChunk

from proxy.sandbox.contract import Call, RateLimitWindow, SimulatedError
from proxy.sandbox.mistral import SIMULATION, handle
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox
from proxy.sse import decode

USER = [{"role": "user", "content": "What is the weather?"}]
ASKS_WEATHER = [{"role": "user", "content": "Use get_weather please"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
BASE = {"model": "mistral-small-latest", "messages": USER}
KEY = {"Authorization": "Bearer k"}


def calling(id="abcdefgh1"):
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": id, "function": {"name": "f", "arguments": "{}"}}],
    }


def result(id="abcdefgh1"):
    return {"role": "tool", "tool_call_id": id, "content": "sunny"}


@pytest.fixture
async def sandbox():
    sandbox = await Sandbox.start({"mistral": "mistral"})
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def sdk(sandbox):
    async with Mistral(api_key="any", server_url=sandbox.base_url("mistral")) as client:
        yield client


def call(body, path="/v1/chat/completions", method="POST", **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call("mistral", method, path, KEY, raw, **more)


def response_json(**more):
    return json.loads(handle(call({**BASE, **more})).frames[0])


def chunks(**more):
    *frames, done = handle(call({**BASE, "stream": True, **more})).frames
    assert done == b"data: [DONE]\n\n"
    return [json.loads(decode(frame).data) for frame in frames]


async def test_the_sdk_parses_a_response_and_lists_models(sdk):
    got = await sdk.chat.complete_async(**BASE)
    text = got.choices[0].message.content
    assert text == "Hello from mistral (mistral-small-latest), simulated. You said: What is the weather?"
    assert (await sdk.models.list_async()).data[0].capabilities.completion_chat


async def test_the_sdk_parses_a_streamed_tool_call_and_sends_the_result(sdk):
    request = {"model": "mistral-small-latest", "tools": [WEATHER]}
    stream = await sdk.chat.stream_async(**request, messages=ASKS_WEATHER)
    *_, last = [event.data async for event in stream]
    [choice] = last.choices
    [use] = choice.delta.tool_calls
    assert (choice.finish_reason, use.function.name) == ("tool_calls", "get_weather")
    assert last.usage.total_tokens > 0
    history = [*ASKS_WEATHER, {"role": "assistant", "tool_calls": [use.model_dump()]}, result(use.id)]
    again = await sdk.chat.complete_async(**request, messages=history)
    assert again.choices[0].message.content.endswith("The tool said: sunny")


async def test_the_sdk_raises_its_own_error(sandbox, sdk):
    with pytest.raises(errors.HTTPValidationError) as caught:
        await sdk.chat.complete_async(**BASE, temperature=2)
    assert caught.value.data.detail[0].loc == ["body", "temperature"]
    await sandbox.set_fault("mistral", Fault("status", status=429))
    with pytest.raises(errors.SDKError) as limited:
        await sdk.chat.complete_async(**BASE)
    assert limited.value.status_code == 429 and '"1300"' in limited.value.body


@pytest.mark.parametrize("more", [{}, {"n": 2}, {"max_tokens": 2}, {"messages": ASKS_WEATHER, "tools": [WEATHER]}])
def test_responses_match_mistrals_types(more):
    ChatCompletionResponse.model_validate(response_json(**more), extra="forbid")
    for chunk in chunks(**more):
        CompletionChunk.model_validate(chunk, extra="forbid")


@pytest.mark.parametrize("n", [1, 2])
def test_the_last_chunk_has_the_finish_reason_and_the_usage(n):
    *before, last = chunks(n=n)
    assert last["choices"][0]["finish_reason"] == "stop" and last["usage"] == response_json(n=n)["usage"]
    assert not any("usage" in chunk for chunk in before)
    assert all("finish_reason" in chunk["choices"][0] for chunk in before)
    assert before[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def test_tool_calls_arrive_complete_with_nine_character_ids():
    tools = [WEATHER, {"type": "function", "function": {"name": "get_time", "parameters": {}}}]
    asks = [{"role": "user", "content": "get_weather and get_time"}]
    [calls] = [
        chunk["choices"][0]["delta"]["tool_calls"]
        for chunk in chunks(messages=asks, tools=tools)
        if "tool_calls" in chunk["choices"][0]["delta"]
    ]
    assert [json.loads(one["function"]["arguments"]) for one in calls] == [{"city": "example"}, {}]
    assert [one["index"] for one in calls] == [0, 1]
    assert all(len(one["id"]) == 9 and one["id"].isalnum() for one in calls) and calls[0]["id"] != calls[1]["id"]


@pytest.mark.parametrize("choice, called", [("auto", False), ("none", False), ("any", True), ("required", True)])
def test_tool_choice_is_respected(choice, called):
    [got] = response_json(tools=[WEATHER], tool_choice=choice)["choices"]
    assert bool(got["message"]["tool_calls"]) is called


@pytest.mark.parametrize(
    "more, place",
    [
        ({"user": "me"}, ["user"]),
        ({"stream_options": {}}, ["stream_options"]),
        ({"seed": 1}, ["seed"]),
        ({"messages": [{**USER[0], "name": "x"}]}, ["messages", 0, "name"]),
        ({"messages": [{"role": "developer", "content": "x"}]}, ["messages", 0, "role"]),
        ({"messages": None}, ["messages"]),
        ({"model": None}, ["model"]),
        ({"tools": [{"function": {"name": "f"}}]}, ["tools", 0, "function", "parameters"]),
        ({"tools": [{"function": {"name": "f", "parameters": {}, "x": 1}}]}, ["tools", 0, "function", "x"]),
        ({"temperature": 1.6}, ["temperature"]),
        ({"top_p": 0}, ["top_p"]),
        ({"max_tokens": 0}, ["max_tokens"]),
    ],
)
def test_an_unknown_or_out_of_range_parameter_is_a_422_with_its_location(more, place):
    body = {**BASE, **more}
    with pytest.raises(SimulatedError) as caught:
        handle(call(body))
    reply = SIMULATION.render_error(call(body), caught.value)
    [detail] = json.loads(reply.frames[0])["detail"]
    assert (reply.status, detail["loc"]) == (422, ["body", *place])
    assert detail["msg"] and detail["type"]


@pytest.mark.parametrize(
    "messages, reason",
    [
        ([], "at least one message"),
        ([{"role": "system", "content": "x"}], "Expected last role"),
        ([*USER, {"role": "assistant", "content": "x"}], "Expected last role"),
        ([*USER, {"role": "assistant", "content": ""}, *USER], "content or tool_calls"),
        ([*USER, calling(), result(), *USER], "after role 'tool'"),
        ([*USER, calling("call_1"), result("call_1")], "length of 9"),
        ([*USER, calling(), result("zzzzzzzz9")], "Unexpected tool call id"),
    ],
)
def test_messages_in_an_invalid_order_are_a_400(messages, reason):
    with pytest.raises(SimulatedError, match=reason) as caught:
        handle(call({**BASE, "messages": messages}))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "messages", [[*USER, {"role": "assistant", "content": "x", "prefix": True}], [*USER, calling(), result()]]
)
def test_messages_in_a_valid_order_are_accepted(messages):
    assert response_json(messages=messages)["choices"]


@pytest.mark.parametrize("status, body", [(401, {"detail": "Unauthorized"}), (400, None), (429, None), (502, None)])
def test_errors_have_one_of_mistrals_envelopes(status, body):
    got = json.loads(SIMULATION.render_error(call({}), SimulatedError(status)).frames[0])
    assert got == body or (got["object"], got["raw_status_code"]) == ("error", status)


@pytest.mark.parametrize(
    "request_, status",
    [(Call("m", "GET", "/v1/models", {}, b""), 401), (call({}, "/v1/x"), 404), (call({}, method="GET"), 404)],
)
def test_key_and_path_are_checked(request_, status):
    with pytest.raises(SimulatedError) as caught:
        handle(request_)
    assert caught.value.status == status


def test_rate_limits_and_query_cost_are_in_mistrals_headers():
    headers = handle(call(BASE, window=RateLimitWindow(requests=10, tokens=1_000))).headers
    assert headers["x-ratelimit-remaining-req-minute"] == "490"
    assert headers["x-ratelimit-remaining-tokens-minute"] == "199000"
    assert int(headers["x-ratelimit-tokens-query-cost"]) == response_json()["usage"]["total_tokens"]
