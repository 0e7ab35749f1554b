"""OpenAI's SDK, with strict response types, works with the simulated Responses API."""

from __future__ import annotations

import json

import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from proxy.sandbox.contract import Call, SimulatedError
from proxy.sandbox.openai import handle
from proxy.sandbox.server import Sandbox
from proxy.sse import decode

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
EVENTS = TypeAdapter(ResponseStreamEvent)


@pytest.fixture
async def sdk():
    sandbox = await Sandbox.start({"openai": "openai"})
    async with openai.AsyncOpenAI(
        api_key="any", base_url=sandbox.base_url("openai"), max_retries=0, _strict_response_validation=True
    ) as client:
        yield client
    await sandbox.close()


def reply(**body):
    raw = json.dumps({"model": "gpt-4o", "input": "hi", **body}).encode()
    return handle(Call("openai", "POST", "/v1/responses", {"Authorization": "Bearer k"}, raw))


def response_json(**body):
    return json.loads(reply(**body).frames[0])


def events(**body):
    decoded = [decode(frame) for frame in reply(stream=True, **body).frames]
    parsed = [json.loads(event.data) for event in decoded]
    assert [event.name for event in decoded] == [one["type"] for one in parsed]
    assert [one["sequence_number"] for one in parsed] == list(range(len(parsed)))
    return parsed


def without_additions(response):
    """Return the response without the members that OpenAI's API has and the SDK's type has not."""
    additions = ("frequency_penalty", "presence_penalty", "store")
    assert set(additions) <= response.keys()
    return {name: value for name, value in response.items() if name not in additions}


async def test_the_sdk_parses_a_tool_call_and_sends_the_result(sdk):
    request = {"model": "gpt-4o", "tools": [WEATHER]}
    asks = [{"role": "user", "content": "get_weather please"}]
    async with sdk.responses.stream(**request, input=asks) as stream:
        got = await stream.get_final_response()
    [use] = got.output
    assert (got.status, use.name, json.loads(use.arguments)) == ("completed", "get_weather", {"city": "example"})
    result = {"type": "function_call_output", "call_id": use.call_id, "output": "sunny"}
    again = await sdk.responses.create(**request, input=[*asks, use.to_dict(), result])
    assert again.output_text.endswith("The tool said: sunny")


@pytest.mark.parametrize("more", [{}, {"max_output_tokens": 3}, {"input": "get_weather", "tools": [WEATHER]}])
def test_responses_match_openais_types(more):
    Response.model_validate(without_additions(response_json(**more)), extra="forbid")
    for event in events(**more):
        EVENTS.validate_python(event)


def test_text_events_are_in_openais_order():
    kinds = [event["type"].removeprefix("response.") for event in events()]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert set(kinds[4:-4]) == {"output_text.delta"} and len(kinds[4:-4]) > 2
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]


def test_the_deltas_add_up_to_the_text():
    stream = events()
    text = "".join(event["delta"] for event in stream if event["type"] == "response.output_text.delta")
    assert text == response_json()["output"][0]["content"][0]["text"]
    assert stream[-1]["response"]["output"][0]["content"][0]["text"] == text
    assert stream[0]["response"]["usage"] is None and stream[-1]["response"]["usage"]["total_tokens"] > 0


def test_a_tool_call_starts_empty_and_its_arguments_arrive_in_fragments():
    stream = events(input="get_weather", tools=[WEATHER])
    opened = next(event["item"] for event in stream if event["type"] == "response.output_item.added")
    assert (opened["arguments"], opened["status"]) == ("", "in_progress")
    fragments = [event["delta"] for event in stream if event["type"].endswith("arguments.delta")]
    assert len(fragments) > 1 and json.loads("".join(fragments)) == {"city": "example"}
    assert opened["id"].startswith("fc_") and opened["call_id"].startswith("call_")


@pytest.mark.parametrize(
    "choice, called",
    [("auto", False), ("none", False), ("required", True), ({"type": "function", "name": "get_weather"}, True)],
)
def test_tool_choice_is_respected(choice, called):
    [item] = response_json(tools=[WEATHER], tool_choice=choice)["output"]
    assert (item["type"] == "function_call") is called


def test_max_output_tokens_makes_the_response_incomplete():
    got = response_json(max_output_tokens=3)
    assert (got["status"], got["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert events(max_output_tokens=3)[-1]["type"] == "response.incomplete"


def test_the_response_repeats_the_request():
    got = response_json(instructions="Be kind.", temperature=0.5, tools=[WEATHER])
    assert (got["instructions"], got["temperature"], got["tools"][0]["name"]) == ("Be kind.", 0.5, "get_weather")
    assert got["usage"]["input_tokens"] > response_json()["usage"]["input_tokens"]


NOTE = {"type": "custom", "name": "take_note"}
AGENTS = {
    "type": "namespace",
    "name": "agents",
    "description": "d",
    "tools": [{**WEATHER, "name": "close_agent"}, NOTE],
}


@pytest.mark.parametrize(
    "tools, text, expected",
    [
        ([NOTE], "take_note", ("custom_tool_call", "take_note", None)),
        ([AGENTS], "close_agent", ("function_call", "close_agent", "agents")),
        ([AGENTS], "take_note", ("custom_tool_call", "take_note", "agents")),
        ([WEATHER], "How is the weather?", ("function_call", "get_weather", None)),
        ([{"type": "web_search"}], "web_search", ("message", None, None)),
    ],
)
def test_a_call_has_the_words_of_its_tool(tools, text, expected):
    [item] = response_json(tools=tools, input=text)["output"]
    assert (item["type"], item.get("name"), item.get("namespace")) == expected
    stream = events(tools=tools, input=text)
    assert stream[-1]["response"]["output"] == [item] and stream[-2]["item"] == item


def test_the_result_of_a_custom_tool_is_answered():
    asked = [{"role": "user", "content": "take_note"}]
    [use] = response_json(tools=[NOTE], input=asked)["output"]
    result = {"type": "custom_tool_call_output", "call_id": use["call_id"], "output": "noted"}
    [message] = response_json(tools=[NOTE], input=[*asked, use, result])["output"]
    assert message["content"][0]["text"].endswith("The tool said: noted")


@pytest.mark.parametrize("include, sealed", [([], False), (["reasoning.encrypted_content"], True)])
def test_reasoning_comes_first_if_its_summary_is_requested(include, sealed):
    members = {"reasoning": {"summary": "auto"}, "include": include}
    reasoning, message = response_json(**members)["output"]
    assert (reasoning["type"], message["type"]) == ("reasoning", "message")
    assert ("encrypted_content" in reasoning) is sealed
    for event in events(**members):
        EVENTS.validate_python(event)


def test_what_coding_agents_send_is_accepted():
    more = {"client_metadata": {"session": "x"}, "store": False, "prompt_cache_key": "k", "parallel_tool_calls": True}
    tools = [NOTE, AGENTS, WEATHER, {"type": "web_search", "external_web_access": False}]
    got = response_json(tools=tools, include=["reasoning.encrypted_content"], **more)
    assert (got["status"], got["store"], len(got["tools"])) == ("completed", False, 4)


async def test_a_conversation_goes_on_from_a_stored_response(sdk):
    first = await sdk.responses.create(model="gpt-4o", input="get_weather", tools=[WEATHER])
    result = {"type": "function_call_output", "call_id": first.output[0].call_id, "output": "sunny"}
    second = await sdk.responses.create(model="gpt-4o", input=[result], previous_response_id=first.id)
    assert second.output_text.endswith("The tool said: sunny")
    assert second.usage.input_tokens > first.usage.input_tokens
    with pytest.raises(openai.BadRequestError, match="not found"):
        await sdk.responses.create(model="gpt-4o", input="hi", previous_response_id="resp_1")


def test_an_unknown_previous_response_is_an_error():
    with pytest.raises(SimulatedError) as caught:
        reply(previous_response_id="resp_1")
    assert (caught.value.status, caught.value.code) == (400, "previous_response_not_found")
