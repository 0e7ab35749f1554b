"""The Responses API at every provider, with OpenAI's SDK through a running sidecar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from proxy.sandbox.scenario import Fault
from tests.ingress.openai_responses.oracles import checked_events
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS: list[Any] = [
    {"type": "function", "name": "get_weather", "description": "Weather", "parameters": SCHEMA, "strict": True},
    {"type": "custom", "name": "take_note", "description": "Notes"},
    {"type": "namespace", "name": "agents", "description": "Agents",
     "tools": [{"type": "function", "name": "close_agent", "parameters": SCHEMA, "strict": True}]},
]  # fmt: skip
QUESTION: Any = {"role": "user", "content": "call get_weather, take_note and agents__close_agent"}
EACH = pytest.mark.parametrize("provider", PROVIDERS)


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(six_providers()) as started:
        yield started


@pytest.fixture
async def client(sidecar: RunningSidecar) -> AsyncIterator[openai.AsyncOpenAI]:
    async with sidecar.client(_strict_response_validation=True) as sdk:
        yield sdk


def at(provider: str) -> dict[str, Any]:
    """Return the arguments of a request that one provider is to serve."""
    return {"model": "m", "extra_headers": {"X-Provider": provider}}


def results(items: list[Any]) -> list[Any]:
    """Return a result for each call among the items."""
    return [
        {"type": f"{item['type']}_output", "call_id": item["call_id"], "output": f"result of {item['name']}"}
        for item in items
        if item["type"] in ("function_call", "custom_tool_call")
    ]


async def ask(client: openai.AsyncOpenAI, provider: str, items: list[Any], **options: Any) -> list[Any]:
    """Stream an answer, and return its items as the caller sends them back."""
    async with client.responses.stream(**at(provider), input=items, tools=TOOLS, **options) as stream:
        response = await stream.get_final_response()
    return [item.to_dict() for item in response.output]


async def raw_stream(sidecar: RunningSidecar, provider: str, **members: Any) -> bytes:
    """Return the bytes of a stream."""
    body = {"model": "m", "input": "Hello", "stream": True, **members}
    async with aiohttp.request(
        "POST", f"{sidecar.url}/v1/responses", json=body, headers={"X-Provider": provider}
    ) as answer:
        assert answer.status == 200
        return await answer.read()


@EACH
async def test_a_text_is_answered_whole_and_as_a_stream(client: openai.AsyncOpenAI, provider: str) -> None:
    whole = await client.responses.create(**at(provider), input="Hello", instructions="Be kind.")
    assert (whole.status, whole.instructions) == ("completed", "Be kind.")
    assert whole.output_text.startswith(f"Hello from {provider}") and whole.usage and whole.usage.total_tokens > 0
    async with client.responses.stream(**at(provider), input="Hello") as stream:
        kinds = [event.type async for event in stream]
        streamed = await stream.get_final_response()
    assert streamed.output_text == whole.output_text
    assert kinds[:2] == ["response.created", "response.in_progress"] and kinds[-1] == "response.completed"


@EACH
@pytest.mark.parametrize("members", [{}, {"input": [QUESTION], "tools": TOOLS}, {"max_output_tokens": 3}])
async def test_every_event_is_valid_for_the_sdk(
    sidecar: RunningSidecar, provider: str, members: dict[str, Any]
) -> None:
    events = checked_events(await raw_stream(sidecar, provider, **members))
    incomplete = "max_output_tokens" in members
    assert events[-1]["type"] == ("response.incomplete" if incomplete else "response.completed")


@EACH
async def test_a_conversation_with_tools_goes_on_at_any_other_provider(
    client: openai.AsyncOpenAI, provider: str
) -> None:
    called = await ask(client, provider, [QUESTION])
    calls = [(item["type"], item["name"], item.get("namespace")) for item in called if item["type"].endswith("_call")]
    assert calls == [
        ("function_call", "get_weather", None),
        ("custom_tool_call", "take_note", None),
        ("function_call", "close_agent", "agents"),
    ]
    history = [QUESTION, *called, *results(called)]
    for other in PROVIDERS:
        answer = await client.responses.create(**at(other), input=history, tools=TOOLS)
        assert "result of" in answer.output_text
        again = await client.responses.create(**at(other), input=[*history, *_sent_back(answer), QUESTION], tools=TOOLS)
        assert {item.type for item in again.output} >= {"function_call", "custom_tool_call"}


def _sent_back(answer: Any) -> list[Any]:
    return [item.to_dict() for item in answer.output]


async def test_a_signature_comes_back_to_its_provider_and_reaches_no_other(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI
) -> None:
    called = await ask(client, "google", [QUESTION])
    signature = next(item for item in called if item["type"] == "reasoning")
    assert signature["encrypted_content"].startswith("parrot-reasoning-1.")
    history = [QUESTION, *called, *results(called)]
    for provider in ("google", "openai"):
        await client.responses.create(**at(provider), input=history, tools=TOOLS)
    assert b"thoughtSignature" in sidecar.sandbox.requests("google")[-1].body
    assert b"parrot-reasoning" not in sidecar.sandbox.requests("openai")[-1].body


@EACH
async def test_a_json_schema_reaches_the_provider(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str
) -> None:
    shape: Any = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    answer = await client.responses.create(**at(provider), input="Hello", text={"format": shape})
    assert b'"city"' in sidecar.sandbox.requests(provider)[-1].body
    assert answer.text and answer.text.format and answer.text.format.type == "json_schema"


_BREAKS_AFTER = {"google": 2, "meta": 3, "mistral": 3}
"""Events of a stream after which some of its text has been sent, and not all. 5 at other providers."""


@EACH
async def test_a_stream_that_breaks_ends_with_an_error_and_as_a_response_that_failed(
    sidecar: RunningSidecar, provider: str
) -> None:
    await sidecar.sandbox.set_fault(provider, Fault("cut", after=_BREAKS_AFTER.get(provider, 5)))
    events = checked_events(await raw_stream(sidecar, provider))
    assert events[-1]["type"] == "error" if provider == "openai" else events[-1]["type"] == "response.failed"
    assert "response.completed" not in [event["type"] for event in events]


async def test_the_sdk_raises_for_a_stream_that_breaks(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    await sidecar.sandbox.set_fault("anthropic", Fault("cut", after=5))
    with pytest.raises(openai.APIError):
        async for _ in await client.responses.create(**at("anthropic"), input="Hello", stream=True):
            pass


async def test_a_translated_target_takes_over_from_a_native_one(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI
) -> None:
    await sidecar.sandbox.set_fault("openai", Fault("status", status=503))
    chain = {"model": "m", "extra_headers": {"X-Provider-Fallbacks": "openai,mistral"}}
    raw = await client.responses.with_raw_response.create(**chain, input="Hello")  # type: ignore[call-overload]
    assert raw.headers["X-Provider"] == "mistral" and raw.parse().output_text.startswith("Hello from mistral")
    async with client.responses.stream(**chain, input="Hello") as stream:  # type: ignore[call-overload]
        assert (await stream.get_final_response()).output_text.startswith("Hello from mistral")


async def test_what_only_openai_has_is_served_there_and_refused_elsewhere(client: openai.AsyncOpenAI) -> None:
    search: Any = [{"type": "web_search"}]
    raw = await client.responses.with_raw_response.create(model="m", input="Hello", tools=search)
    assert raw.headers["X-Provider"] == "openai"
    with pytest.raises(openai.BadRequestError, match="unsupported_feature: background") as caught:
        await client.responses.create(**at("anthropic"), input="Hello", background=True)
    assert caught.value.param == "background"
    only: Any = {"type": "web_search"}
    with pytest.raises(openai.BadRequestError):
        await client.responses.create(**at("cohere"), input="Hello", tools=search, tool_choice=only)


async def test_an_input_that_cannot_be_translated_is_named(client: openai.AsyncOpenAI) -> None:
    part: Any = {"type": "input_image", "file_id": "file_1", "detail": "auto"}
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(**at("anthropic"), input=[{"role": "user", "content": [part]}])
    assert caught.value.param == "input[0].content[0].file_id"


async def test_an_unknown_part_is_named_with_what_is_supported(client: openai.AsyncOpenAI) -> None:
    part: Any = {"type": "input_telepathy"}
    with pytest.raises(openai.BadRequestError, match="'input_telepathy' are not supported: input_text") as caught:
        await client.responses.create(**at("anthropic"), input=[{"role": "user", "content": [part]}])
    assert caught.value.param == "input[0].content[0]"
