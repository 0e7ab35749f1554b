"""OpenAI's SDK, with strict response types, works with the simulated OpenAI."""

from __future__ import annotations

import json

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.sandbox.contract import Call, RateLimitWindow, SimulatedError
from proxy.sandbox.openai import SIMULATION, format_go_duration, handle
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox
from proxy.sse import decode

USER = [{"role": "user", "content": "What is the weather?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}, "days": {"type": "integer"}},
            "required": ["city", "unit"],
        },
    },
}
ASKS_WEATHER = [{"role": "user", "content": "Use get_weather please"}]


@pytest.fixture
async def sandbox():
    sandbox = await Sandbox.start({"openai": "openai"})
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def sdk(sandbox):
    async with openai.AsyncOpenAI(
        api_key="any", base_url=sandbox.base_url("openai"), max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def call(body, path="/v1/chat/completions", method="POST", **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call("openai", method, path, {"Authorization": "Bearer any"}, raw, **more)


def chunks(body):
    frames = [decode(frame).data for frame in handle(call({**body, "stream": True})).frames]
    assert frames.pop() == b"[DONE]"
    return [json.loads(frame) for frame in frames]


async def test_the_sdk_parses_a_response(sdk):
    got = await sdk.chat.completions.create(model="gpt-4o", messages=USER)
    assert got.choices[0].message.content == "Hello from openai (gpt-4o), simulated. You said: What is the weather?"
    assert got.choices[0].finish_reason == "stop"
    assert got.model == "gpt-4o-2024-08-06"
    assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens


async def test_the_sdk_parses_a_stream_with_the_same_text(sdk):
    whole = await sdk.chat.completions.create(model="gpt-4o", messages=USER)
    state = ChatCompletionStreamState()
    stream = await sdk.chat.completions.create(
        model="gpt-4o", messages=USER, stream=True, stream_options={"include_usage": True}
    )
    async for chunk in stream:
        state.handle_chunk(chunk)
    streamed = state.get_final_completion()
    assert streamed.choices[0].message.content == whole.choices[0].message.content
    assert streamed.choices[0].finish_reason == "stop"
    assert streamed.usage == whole.usage


async def test_the_sdk_lists_models(sdk):
    assert "gpt-4o" in [model.id async for model in sdk.models.list()]


@pytest.mark.parametrize(
    "fault, error",
    [
        (Fault("status", status=429), openai.RateLimitError),
        (Fault("status", status=503), openai.InternalServerError),
        (Fault("limit", requests=0), openai.RateLimitError),
        (Fault("cut"), openai.APIConnectionError),
        (Fault("reset"), openai.APIConnectionError),
        (Fault("down"), openai.APIConnectionError),
    ],
)
async def test_the_sdk_raises_its_own_error(sandbox, sdk, fault, error):
    await sandbox.set_fault("openai", fault)
    with pytest.raises(error):
        await sdk.chat.completions.create(model="gpt-4o", messages=USER)


@pytest.mark.parametrize("extra", [{}, {"n": 2}, {"max_tokens": 3}, {"tools": [WEATHER]}])
@pytest.mark.parametrize("messages", [USER, ASKS_WEATHER])
def test_responses_match_openais_types(extra, messages):
    body = {"model": "gpt-4o", "messages": messages, **extra}
    [whole] = handle(call(body)).frames
    ChatCompletion.model_validate_json(whole, extra="forbid")
    for chunk in chunks(body):
        ChatCompletionChunk.model_validate(chunk, extra="forbid")


def test_a_stream_starts_with_the_role_and_ends_with_finish_usage_and_done():
    body = {"model": "m", "messages": USER, "stream_options": {"include_usage": True}}
    first, *middle, finish, usage = chunks(body)
    assert first["choices"][0]["delta"]["role"] == "assistant" and first["usage"] is None
    assert len(middle) > 2 and all(one["choices"][0]["delta"]["content"] for one in middle)
    assert finish["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert usage["choices"] == [] and usage["usage"]["total_tokens"] > 0


def test_without_include_usage_no_chunk_has_usage():
    assert not any("usage" in chunk for chunk in chunks({"model": "m", "messages": USER}))


def test_a_tool_that_the_user_names_is_called_with_the_required_arguments():
    body = {"model": "m", "messages": ASKS_WEATHER, "tools": [WEATHER]}
    [choice] = json.loads(handle(call(body)).frames[0])["choices"]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    [use] = choice["message"]["tool_calls"]
    assert use["function"]["name"] == "get_weather"
    assert json.loads(use["function"]["arguments"]) == {"city": "example", "unit": "C"}


def test_a_streamed_tool_call_has_its_name_once_and_arguments_in_fragments():
    deltas = [
        chunk["choices"][0]["delta"] for chunk in chunks({"model": "m", "messages": ASKS_WEATHER, "tools": [WEATHER]})
    ]
    first, *rest = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert first["function"] == {"name": "get_weather", "arguments": ""} and first["id"].startswith("call_")
    assert all(set(one) == {"index", "function"} for one in rest) and len(rest) > 1
    assert json.loads("".join(one["function"]["arguments"] for one in rest)) == {"city": "example", "unit": "C"}


@pytest.mark.parametrize(
    "messages, choice, called",
    [
        (USER, "auto", False),
        (USER, "required", True),
        (USER, {"type": "function", "function": {"name": "get_weather"}}, True),
        (ASKS_WEATHER, "none", False),
        ([*ASKS_WEATHER, {"role": "tool", "tool_call_id": "c", "content": "sunny"}], "auto", False),
    ],
)
def test_tool_choice_is_respected(messages, choice, called):
    body = {"model": "m", "messages": messages, "tools": [WEATHER], "tool_choice": choice}
    [got] = json.loads(handle(call(body)).frames[0])["choices"]
    assert ("tool_calls" in got["message"]) is called


def test_a_tool_result_is_answered_in_text():
    messages = [*ASKS_WEATHER, {"role": "tool", "tool_call_id": "c", "content": "sunny"}]
    [choice] = json.loads(handle(call({"model": "m", "messages": messages})).frames[0])["choices"]
    assert choice["message"]["content"].endswith("The tool said: sunny")


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_truncates_the_text(name):
    got = json.loads(handle(call({"model": "m", "messages": USER, name: 3})).frames[0])
    assert got["choices"][0]["finish_reason"] == "length"
    assert got["choices"][0]["message"]["content"] == "Hello from o"
    assert got["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize(
    "model, taken", [("gpt-5", False), ("o3", False), ("gpt-5-chat-latest", True), ("gpt-35-turbo", True)]
)
def test_reasoning_models_reject_max_tokens(model, taken):
    body = {"model": model, "messages": USER}
    assert handle(call({**body, "max_completion_tokens": 3})).status == 200
    if taken:
        assert handle(call({**body, "max_tokens": 3})).status == 200
        return
    with pytest.raises(SimulatedError, match="max_completion_tokens") as caught:
        handle(call({**body, "max_tokens": 3}))
    assert (caught.value.param, caught.value.code) == ("max_tokens", "unsupported_parameter")


def test_n_choices_are_numbered_streamed_or_not():
    body = {"model": "m", "messages": USER, "n": 3}
    assert [one["index"] for one in json.loads(handle(call(body)).frames[0])["choices"]] == [0, 1, 2]
    assert {chunk["choices"][0]["index"] for chunk in chunks(body)} == {0, 1, 2}


@pytest.mark.parametrize(
    "body, param, code",
    [
        (b"{", None, None),
        ([], None, None),
        ({"messages": USER}, "model", "missing_required_parameter"),
        ({"model": "m"}, "messages", "missing_required_parameter"),
        ({"model": "m", "messages": []}, "messages", "missing_required_parameter"),
        ({"model": 1, "messages": USER}, "model", "invalid_type"),
        ({"model": "m", "messages": ["hi"]}, "messages[0]", None),
        ({"model": "m", "messages": USER, "routing": {}}, "routing", "unknown_parameter"),
        ({"model": "m", "messages": USER, "max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"model": "m", "messages": USER, "n": 129}, "n", "integer_above_max_value"),
    ],
)
def test_an_invalid_request_is_a_400_with_the_parameter(body, param, code):
    with pytest.raises(SimulatedError) as caught:
        handle(call(body))
    reply = SIMULATION.render_error(call(body), caught.value)
    error = json.loads(reply.frames[0])["error"]
    assert reply.status == 400
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert set(error) == {"message", "type", "param", "code"} and error["message"]


@pytest.mark.parametrize("method, path", [("GET", "/v1/chat/completions"), ("POST", "/"), ("POST", "/v1/nothing")])
def test_an_unknown_path_is_a_404(method, path):
    with pytest.raises(SimulatedError) as caught:
        handle(call({}, path, method))
    assert caught.value.status == 404


def test_without_a_key_the_status_is_401():
    with pytest.raises(SimulatedError) as caught:
        handle(Call("openai", "GET", "/v1/models", {}, b""))
    error = json.loads(SIMULATION.render_error(call({}), caught.value).frames[0])["error"]
    assert (caught.value.status, error["code"]) == (401, "invalid_api_key")


def test_remaining_requests_and_tokens_count_down():
    window = RateLimitWindow(requests=499, tokens=250_000, resets_in_s=12.3456)
    headers = handle(call({"model": "m", "messages": USER}, window=window)).headers
    assert headers["x-ratelimit-remaining-requests"] == "1"
    assert headers["x-ratelimit-remaining-tokens"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "12.346s"


@pytest.mark.parametrize("seconds, text", [(0.012, "12ms"), (1, "1s"), (1.5, "1.5s"), (360, "6m0s"), (-1, "0ms")])
def test_durations_are_formatted_as_in_go(seconds, text):
    assert format_go_duration(seconds) == text
