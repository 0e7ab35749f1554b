"""Anthropic's SDK, with strict response types, works with the simulated Anthropic."""

from __future__ import annotations

import json

import anthropic
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from proxy.sandbox.anthropic import SIMULATION, handle
from proxy.sandbox.contract import Call, RateLimitWindow, SimulatedError
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox
from proxy.sse import decode

USER = [{"role": "user", "content": "What is the weather?"}]
ASKS_WEATHER = [{"role": "user", "content": [{"type": "text", "text": "Use get_weather please"}]}]
WEATHER = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "get_weather", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "sunny"}]}
BASE = {"model": "claude-opus-4-5", "max_tokens": 100, "messages": USER}
OLD, NEW = "2023-06-01", "2026-10-21"


@pytest.fixture
async def sandbox():
    sandbox = await Sandbox.start({"anthropic": "anthropic"})
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def sdk(sandbox):
    async with anthropic.AsyncAnthropic(
        api_key="any", base_url=sandbox.base_url("anthropic"), max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def call(body, path="/v1/messages", version=NEW, **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call("anthropic", "POST", path, {"x-api-key": "k", "anthropic-version": version}, raw, **more)


def response_json(**more):
    return json.loads(handle(call({**BASE, **more})).frames[0])


def events(**more):
    decoded = [decode(frame) for frame in handle(call({**BASE, "stream": True, **more})).frames]
    parsed = [json.loads(event.data) for event in decoded]
    assert [event.name for event in decoded] == [one["type"] for one in parsed]
    return parsed


async def test_the_sdk_parses_a_response(sdk):
    got = await sdk.messages.create(**BASE)
    assert got.content[0].text == "Hello from anthropic (claude-opus-4-5), simulated. You said: What is the weather?"
    assert (got.stop_reason, got.model) == ("end_turn", "claude-opus-4-5-20251101")
    assert got.usage.input_tokens > 0 and got.usage.output_tokens > 1


async def test_the_sdk_parses_a_stream_with_the_same_text(sdk):
    expected = await sdk.messages.create(**BASE)
    async with sdk.messages.stream(**BASE) as stream:
        got = await stream.get_final_message()
    assert got.content[0].text == expected.content[0].text
    assert got.stop_reason == "end_turn"
    assert got.usage.output_tokens == expected.usage.output_tokens


async def test_the_sdk_parses_a_streamed_tool_call_and_sends_the_result(sdk):
    request = {**BASE, "messages": ASKS_WEATHER, "tools": [WEATHER]}
    async with sdk.messages.stream(**request) as stream:
        got = await stream.get_final_message()
    [use] = got.content
    assert (got.stop_reason, use.name, use.input) == ("tool_use", "get_weather", {"city": "example"})
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}]}
    history = [*ASKS_WEATHER, {"role": "assistant", "content": got.content}, result]
    again = await sdk.messages.create(**{**request, "messages": history})
    assert again.content[0].text.endswith("The tool said: sunny")


def test_user_text_after_a_tool_result_is_answered():
    content = [*RESULT["content"], {"type": "text", "text": "Thanks"}]
    got = response_json(messages=[*ASKS_WEATHER, CALL, {"role": "user", "content": content}])
    assert got["content"][0]["text"].endswith("You said: Thanks")


async def test_the_sdk_counts_tokens_and_lists_models(sdk):
    counted = await sdk.messages.count_tokens(model="m", messages=USER, system="Be kind.")
    assert counted.input_tokens == 8
    assert "claude-opus-4-5-20251101" in [model.id async for model in sdk.models.list()]


@pytest.mark.parametrize(
    "status, error",
    [(429, anthropic.RateLimitError), (500, anthropic.InternalServerError), (529, anthropic.APIStatusError)],
)
async def test_the_sdk_raises_its_own_error(sandbox, sdk, status, error):
    await sandbox.set_fault("anthropic", Fault("status", status=status))
    with pytest.raises(error) as caught:
        await sdk.messages.create(**BASE)
    assert caught.value.status_code == status
    assert caught.value.body["request_id"] == caught.value.request_id


@pytest.mark.parametrize("more", [{}, {"max_tokens": 2}, {"messages": ASKS_WEATHER, "tools": [WEATHER]}])
def test_responses_match_anthropics_types(more):
    Message.model_validate(response_json(**more), extra="forbid")
    adapter = TypeAdapter(RawMessageStreamEvent)
    for event in events(**more):
        if event["type"] != "ping":
            adapter.validate_python(event)


@pytest.mark.parametrize("kind", ["adaptive", "enabled"])
def test_thinking_comes_first_and_is_signed(kind):
    thinking = {"type": kind, **({"budget_tokens": 1024} if kind == "enabled" else {})}
    more = {"thinking": thinking, "max_tokens": 2000}
    first, text = response_json(**more)["content"]
    assert first["type"] == "thinking" and first["signature"] and text["type"] == "text"
    deltas = [event["delta"] for event in events(**more) if event["type"] == "content_block_delta"]
    assert [delta["type"] for delta in deltas[:3]] == ["thinking_delta", "signature_delta", "text_delta"]
    replayed = [{"role": "assistant", "content": [first, text]}, *USER]
    assert response_json(**more, messages=[*USER, *replayed])["stop_reason"] == "end_turn"


def test_a_hosted_tool_is_not_called():
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    messages = [{"role": "user", "content": "web_search it"}]
    assert response_json(messages=messages, tools=tools)["stop_reason"] == "end_turn"


def test_a_beta_allows_its_member():
    headers = {"x-api-key": "k", "anthropic-version": OLD, "anthropic-beta": "context-management-2025-06-27"}
    body = json.dumps({**BASE, "context_management": {"edits": []}}).encode()
    assert handle(Call("anthropic", "POST", "/v1/messages", headers, body)).status == 200
    with pytest.raises(SimulatedError, match="context_management: Extra inputs"):
        handle(call({**BASE, "context_management": {"edits": []}}))


def test_stream_events_are_in_anthropics_order():
    kinds = [event["type"] for event in events()]
    assert kinds[:3] == ["message_start", "content_block_start", "ping"]
    assert set(kinds[3:-3]) == {"content_block_delta"} and len(kinds[3:-3]) > 2
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_tool_input_starts_empty_and_arrives_in_fragments():
    got = events(messages=ASKS_WEATHER, tools=[WEATHER])
    start = next(event for event in got if event["type"] == "content_block_start")
    fragments = [event["delta"]["partial_json"] for event in got if event["type"] == "content_block_delta"]
    assert start["content_block"]["input"] == {} and fragments[0] == "" and len(fragments) > 2
    assert json.loads("".join(fragments)) == {"city": "example"}


def test_each_tool_call_is_a_separate_block():
    tools = [WEATHER, {"name": "get_time", "input_schema": {"type": "object"}}]
    got = events(messages=[{"role": "user", "content": "get_weather and get_time"}], tools=tools)
    starts = [event for event in got if event["type"] == "content_block_start"]
    assert [(one["index"], one["content_block"]["name"]) for one in starts] == [(0, "get_weather"), (1, "get_time")]
    assert len({one["content_block"]["id"] for one in starts}) == 2


@pytest.mark.parametrize(
    "messages, choice, reason",
    [
        (USER, {"type": "auto"}, "end_turn"),
        (USER, {"type": "any"}, "tool_use"),
        (USER, {"type": "tool", "name": "get_weather"}, "tool_use"),
        (ASKS_WEATHER, {"type": "none"}, "end_turn"),
    ],
)
def test_tool_choice_is_respected(messages, choice, reason):
    assert response_json(messages=messages, tools=[WEATHER], tool_choice=choice)["stop_reason"] == reason


def test_max_tokens_truncates_the_text():
    got = response_json(max_tokens=3)
    assert (got["stop_reason"], got["content"][0]["text"]) == ("max_tokens", "Hello from a")
    assert got["usage"]["output_tokens"] == 3


def test_with_cache_control_half_of_the_prompt_is_read_from_the_cache():
    marked = response_json(system=[{"type": "text", "text": "x" * 400, "cache_control": {"type": "ephemeral"}}])[
        "usage"
    ]
    assert abs(marked["cache_read_input_tokens"] - marked["input_tokens"]) <= 1
    assert response_json()["usage"]["cache_read_input_tokens"] == 0


@pytest.mark.parametrize("version, allowed", [(OLD, True), (NEW, False)])
@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_the_newer_version_rejects_sampling_parameters(version, allowed, name):
    request = call({**BASE, name: 1}, version=version)
    if allowed:
        assert handle(request).status == 200
        return
    with pytest.raises(SimulatedError, match=f"{name}: Extra inputs are not permitted"):
        handle(request)


@pytest.mark.parametrize(
    "body, reason",
    [
        (b"{", "not valid JSON"),
        ({"model": "m", "messages": USER}, "max_tokens: Field required"),
        ({**BASE, "messages": []}, "messages: at least one"),
        ({**BASE, "max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
        ({**BASE, "max_tokens": True}, "max_tokens: Input should be a valid integer"),
        ({**BASE, "max_tokens": 0}, "max_tokens: Input should be greater"),
        ({**BASE, "routing": {}}, "routing: Extra inputs are not permitted"),
        ({**BASE, "messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
    ],
)
def test_an_invalid_request_is_a_400_with_the_reason(body, reason):
    with pytest.raises(SimulatedError) as caught:
        handle(call(body))
    reply = SIMULATION.render_error(call(body), caught.value)
    envelope = json.loads(reply.frames[0])
    assert (reply.status, envelope["type"], envelope["error"]["type"]) == (400, "error", "invalid_request_error")
    assert reason in envelope["error"]["message"]
    assert envelope["request_id"] == reply.headers["request-id"]


def test_the_older_version_rejects_a_temperature_over_one():
    with pytest.raises(SimulatedError, match="temperature"):
        handle(call({**BASE, "temperature": 1.5}, version=OLD))


@pytest.mark.parametrize(
    "headers, path, status",
    [
        ({}, "/v1/messages", 401),
        ({"x-api-key": "k"}, "/v1/messages", 400),
        ({"x-api-key": "k", "anthropic-version": "1999-01-01"}, "/v1/messages", 400),
        ({"x-api-key": "k", "anthropic-version": NEW}, "/v1/nothing", 404),
    ],
)
def test_key_path_and_version_are_checked(headers, path, status):
    with pytest.raises(SimulatedError) as caught:
        handle(Call("anthropic", "POST", path, headers, json.dumps(BASE).encode()))
    assert caught.value.status == status


@pytest.mark.parametrize("key", [{"x-api-key": "k"}, {"Authorization": "Bearer k"}])
def test_the_key_is_accepted_in_either_header(key):
    request = Call("anthropic", "POST", "/v1/messages", {**key, "anthropic-version": OLD}, json.dumps(BASE).encode())
    assert handle(request).status == 200


def test_rate_limits_are_in_anthropics_headers():
    window = RateLimitWindow(requests=10, tokens=1_234, resets_in_s=30)
    headers = handle(call(BASE, window=window, now=1_800_000_000)).headers
    assert headers["anthropic-ratelimit-requests-remaining"] == "490"
    assert headers["anthropic-ratelimit-input-tokens-remaining"] == "199000"
    assert headers["anthropic-ratelimit-tokens-reset"] == "2027-01-15T08:00:30Z"
