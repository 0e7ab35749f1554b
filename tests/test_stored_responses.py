"""Responses that later requests go on from: pinned to the account that holds them, or kept by the sidecar."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from proxy.sandbox.scenario import Fault
from tests.running import RunningSidecar, run_sidecar

FILE = """
pipeline:
  - auth: {keys: [{name: a, value: key-a-long}, {name: b, value: key-b-long}]}
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", api_key: [k1, k2]}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1", api_key: k3}
  anthropic: {dialect: anthropic, base_url: "http://127.0.0.1:1", api_key: k4}
  google: {dialect: google, base_url: "http://127.0.0.1:1", api_key: k5}
models:
  m: {first: gpt-4.1, second: gpt-4.1, anthropic: claude-sonnet-4-6, google: gemini-3-pro}
  translated: {anthropic: claude-sonnet-4-6, google: gemini-3-pro}
"""
TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE) as started:
        yield started


def caller(sidecar: RunningSidecar, key: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"{sidecar.url}/v1", api_key=f"key-{key}-long", max_retries=0, _strict_response_validation=True
    )


@pytest.fixture
async def client(sidecar: RunningSidecar) -> AsyncIterator[openai.AsyncOpenAI]:
    async with caller(sidecar, "a") as sdk:
        yield sdk


def at(provider: str) -> dict[str, Any]:
    """Return the arguments of a request that one provider is to serve."""
    return {"model": "m", "extra_headers": {"X-Provider": provider}}


def sent(sidecar: RunningSidecar, provider: str) -> Any:
    """Return the last request that a provider received."""
    return json.loads(sidecar.sandbox.requests(provider)[-1].body)


@pytest.mark.parametrize("provider", ["anthropic", "google"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_translated_conversation_goes_on_at_any_provider(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str, stream: bool
) -> None:
    options: Any = {"tools": [TOOL], "input": "call get_weather"}
    if stream:
        async with client.responses.stream(**at(provider), **options) as events:
            first = await events.get_final_response()
    else:
        first = await client.responses.create(**at(provider), **options)
    called = next(item for item in first.output if item.type == "function_call")
    result: Any = {"type": "function_call_output", "call_id": called.call_id, "output": "sunny"}
    for other in ("first", "anthropic", "google"):
        second = await client.responses.create(**at(other), input=[result], previous_response_id=first.id)
        assert second.output_text.endswith("The tool said: sunny")
        if other != "first":
            assert second.previous_response_id == first.id
            third = await client.responses.create(**at("anthropic"), input="And?", previous_response_id=second.id)
            assert third.output_text.endswith("You said: And?")
            turns = [message["role"] for message in sent(sidecar, "anthropic")["messages"]]
            assert turns == ["user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_provider_holds_is_continued_with_the_same_key(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, stream: bool
) -> None:
    if stream:
        async with client.responses.stream(**at("first"), input="one") as events:
            created = await events.get_final_response()
    else:
        created = await client.responses.create(**at("first"), input="one")
    key = sidecar.sandbox.requests("first")[-1].headers["Authorization"]
    for _ in range(3):
        answer = await client.responses.create(model="m", input="two", previous_response_id=created.id)
        assert answer.output_text.startswith("Hello from first")
        request = sidecar.sandbox.requests("first")[-1]
        assert request.headers["Authorization"] == key
        assert json.loads(request.body)["previous_response_id"] == created.id


async def test_a_request_fails_where_the_holder_fails(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    created = await client.responses.create(**at("second"), input="one")
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(**at("first"), input="two", previous_response_id=created.id)
    assert caught.value.param == "previous_response_id" and "second" in str(caught.value)
    await sidecar.sandbox.set_fault("second", Fault("status", status=503))
    with pytest.raises(openai.InternalServerError):
        await client.responses.create(model="m", input="two", previous_response_id=created.id)
    assert [item.method for item in sidecar.sandbox.requests("first")] == []


@pytest.mark.parametrize("provider", ["first", "second", "anthropic", "google"])
async def test_items_may_be_referred_to_by_their_id(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str
) -> None:
    question: Any = {"role": "user", "content": "call get_weather"}
    reasoning: Any = {"effort": "low", "summary": "auto"}
    first = await client.responses.create(**at(provider), input=[question], tools=[TOOL], reasoning=reasoning)
    references: Any = [{"type": "item_reference", "id": item.id} for item in first.output]
    call = next(item for item in first.output if item.type == "function_call")
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    again = await client.responses.create(model="m", input=[question, *references, result], tools=[TOOL])
    assert again.output_text.endswith("The tool said: sunny")
    if provider in ("first", "second"):
        assert again.output_text.startswith(f"Hello from {provider}")
        assert sent(sidecar, provider)["input"][1:-1] == references


async def test_an_item_stands_in_a_request_once(client: openai.AsyncOpenAI) -> None:
    first = await client.responses.create(**at("anthropic"), input="one")
    reference: Any = {"type": "item_reference", "id": first.output[0].id}
    with pytest.raises(openai.BadRequestError, match=f"refers twice to the item '{first.output[0].id}'") as caught:
        await client.responses.create(**at("anthropic"), input=[reference, reference])
    assert caught.value.param == "input"


async def test_an_item_of_another_caller_is_unknown(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    first = await client.responses.create(**at("anthropic"), input="one")
    reference: Any = {"type": "item_reference", "id": first.output[0].id}
    async with caller(sidecar, "b") as other:
        with pytest.raises(openai.BadRequestError) as caught:
            await other.responses.create(model="translated", input=[reference, {"role": "user", "content": "two"}])
    assert caught.value.param == "input[0].id"


@pytest.mark.parametrize("provider", ["second", "anthropic"])
async def test_an_id_belongs_to_one_caller(sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str) -> None:
    created = await client.responses.create(**at(provider), input="one")
    async with caller(sidecar, "b") as other:
        with pytest.raises(openai.NotFoundError, match="not found") as caught:
            await other.responses.create(model="m", input="two", previous_response_id=created.id)
        assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")
        for read in (other.responses.retrieve, other.responses.delete, other.responses.cancel):
            with pytest.raises(openai.NotFoundError, match="not found"):
                await read(created.id)
    assert (await client.responses.retrieve(created.id)).output_text == created.output_text


@pytest.mark.parametrize("model, asked", [("translated", 0), ("m", 1)])
async def test_an_id_that_no_account_knows_is_a_404(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, model: str, asked: int
) -> None:
    with pytest.raises(openai.NotFoundError, match="Previous response with id 'resp_1' not found") as caught:
        await client.responses.create(model=model, input="two", previous_response_id="resp_1")
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")
    assert [(each.method, each.path) for each in sidecar.sandbox.requests("second")] == [
        ("GET", "/v1/responses/resp_1")
    ] * asked


@pytest.mark.parametrize("provider", ["first", "second"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_id_that_is_not_known_here_is_continued_at_the_account_that_has_it(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str, stream: bool
) -> None:
    created = await client.responses.create(**at(provider), input="one")
    key = sidecar.sandbox.requests(provider)[-1].headers["Authorization"]
    sidecar.sidecar.handler.runtime.responses.delete(created.id)  # as after a restart
    if stream:
        async with client.responses.stream(model="m", input="two", previous_response_id=created.id) as events:
            answer: Any = await events.get_final_response()
    else:
        answer = await client.responses.create(model="m", input="two", previous_response_id=created.id)
    assert answer.output_text.startswith(f"Hello from {provider}")
    request = sidecar.sandbox.requests(provider)[-1]
    assert (request.method, request.headers["Authorization"]) == ("POST", key)
    posts = [each for name in ("first", "second") for each in sidecar.sandbox.requests(name) if each.method == "POST"]
    assert len(posts) == 2


@pytest.mark.parametrize("provider", ["first", "anthropic"])
@pytest.mark.parametrize("id", [1, True, ["resp_1"], {"id": "resp_1"}])
async def test_an_id_of_another_type_is_refused(client: openai.AsyncOpenAI, provider: str, id: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="must be a string") as caught:
        await client.responses.create(**at(provider), input="two", previous_response_id=id)
    assert caught.value.param == "previous_response_id"


@pytest.mark.parametrize("provider", ["first", "second", "anthropic"])
async def test_a_response_is_read_listed_and_deleted(client: openai.AsyncOpenAI, provider: str) -> None:
    created = await client.responses.create(**at(provider), input="one")
    assert (await client.responses.retrieve(created.id)).output_text == created.output_text
    listed = await client.responses.input_items.list(created.id)
    assert [item.content[0].text for item in listed.data] == ["one"]  # type: ignore[union-attr]
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        await client.responses.cancel(created.id)
    await client.responses.delete(created.id)
    with pytest.raises(openai.NotFoundError, match=f"Response with id '{created.id}' not found"):
        await client.responses.retrieve(created.id)


async def test_the_items_of_a_conversation_are_listed_newest_first(client: openai.AsyncOpenAI) -> None:
    first = await client.responses.create(**at("anthropic"), input="one")
    second = await client.responses.create(**at("google"), input="two", previous_response_id=first.id)
    listed = await client.responses.input_items.list(second.id)
    assert [item.content[0].text[-3:] for item in listed.data] == ["two", "one", "one"]  # type: ignore[union-attr]


async def test_an_id_that_is_not_known_here_is_read_from_the_account_that_has_it(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI
) -> None:
    created = await client.responses.create(**at("second"), input="one")
    sidecar.sidecar.handler.runtime.responses.delete(created.id)  # as after a restart
    assert (await client.responses.retrieve(created.id)).output_text == created.output_text


@pytest.mark.parametrize("provider", ["second", "anthropic"])
async def test_nothing_is_kept_against_the_callers_will(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str
) -> None:
    created = await client.responses.create(**at(provider), input="one", store=False)
    assert sidecar.sidecar.handler.runtime.responses.size == 0
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(created.id)


async def test_what_is_kept_counts_as_held_memory(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    runtime = sidecar.sidecar.handler.runtime
    await client.responses.create(**at("anthropic"), input="one " * 1000)
    assert runtime.responses.size > 4000 and runtime.load.buffered_bytes == runtime.responses.size


async def test_a_conversation_is_compacted_and_counted_at_openai(client: openai.AsyncOpenAI) -> None:
    compacted = await client.responses.compact(model="m", input="one")
    assert [item.type for item in compacted.output] == ["compaction"]
    assert (await client.responses.input_tokens.count(model="m", input="one two three")).input_tokens > 1
    with pytest.raises(openai.BadRequestError, match="endpoint_unsupported"):
        await client.responses.compact(model="translated", input="one")


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/v1/responses/resp_1/other", 404), ("DELETE", "/v1/responses/resp_1/cancel", 404),
    ("PUT", "/v1/responses/resp_1", 405), ("GET", "/v1/responses/" + "x" * 200, 404), ("GET", "/v1/responses", 405),
])  # fmt: skip
async def test_other_paths_are_refused(sidecar: RunningSidecar, method: str, path: str, status: int) -> None:
    headers = {"Authorization": "Bearer key-a-long"}
    async with aiohttp.request(method, sidecar.url + path, headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (status, "invalid_request_error")


async def test_the_key_in_a_query_is_not_forwarded(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    created = await client.responses.create(**at("second"), input="one")
    url = f"{sidecar.url}/v1/responses/{created.id}/input_items?key=key-a-long&limit=5"
    async with aiohttp.request("GET", url) as answer:
        assert answer.status == 200
    assert sidecar.sandbox.requests("second")[-1].path.endswith("/input_items?limit=5")
