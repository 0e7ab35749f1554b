"""OpenAI's other endpoints, called with OpenAI's SDK through a running sidecar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from proxy.sandbox.scenario import Fault
from tests.running import RunningSidecar, run_sidecar

FILE = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover: {max_retries: 3}, translate]
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1}
  google: {dialect: google, base_url: "http://127.0.0.1:1", weight: 100}
models:
  m: {first: m-one, second: m-two, google: m-google}
  dall-e-3: {first: gpt-image-1.5}
  none: {google: m-google}
  omni-moderation-latest: {first: omni-moderation-latest}
"""
BROKEN = Fault("status", status=503)
NATIVE = {"X-Provider": "first,second"}
"""Selects the providers that have every endpoint. Others serve some of them by translation."""


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE) as started:
        yield started


async def embeddings(client: openai.AsyncOpenAI, model: str = "m") -> Any:
    return await client.embeddings.create(model=model, input=["Grüße", "bye"])


async def images(client: openai.AsyncOpenAI, model: str = "m") -> Any:
    return await client.images.generate(model=model, prompt="a parrot", n=2)


async def responses(client: openai.AsyncOpenAI, model: str = "m") -> Any:
    return await client.responses.create(model=model, input="Hello")


async def completions(client: openai.AsyncOpenAI, model: str = "m") -> Any:
    return await client.completions.create(model=model, prompt="Once upon a time")


async def moderations(client: openai.AsyncOpenAI, model: str = "m") -> Any:
    return await client.moderations.create(model=model, input="violence")


async def speech(client: openai.AsyncOpenAI, model: str = "m") -> Any:
    raw = await client.audio.speech.with_raw_response.create(model=model, input="Hello there", voice="alloy")
    raw.provider = raw.headers["x-provider"]  # type: ignore[attr-defined]
    return raw


CALLS = [embeddings, images, responses, completions, moderations, speech]


@pytest.mark.parametrize("call", CALLS)
async def test_every_endpoint_is_served_by_a_provider_that_has_it(sidecar: RunningSidecar, call: Any) -> None:
    async with sidecar.client(default_headers=NATIVE) as client:
        assert (await call(client)).provider in ("first", "second")


@pytest.mark.parametrize("call", CALLS)
async def test_every_endpoint_fails_over(sidecar: RunningSidecar, call: Any) -> None:
    await sidecar.sandbox.set_fault("first", BROKEN)
    async with sidecar.client(default_headers={"X-Provider-Preference": "first", **NATIVE}) as client:
        assert (await call(client)).provider == "second"
    assert len(sidecar.sandbox.requests("first")) >= 1


@pytest.mark.parametrize("call", [call for call in CALLS if call not in (embeddings, images, responses)])
async def test_without_a_provider_for_the_endpoint_the_error_has_the_reason(sidecar: RunningSidecar, call: Any) -> None:
    async with sidecar.client() as client:
        with pytest.raises(openai.BadRequestError, match="google: endpoint_unsupported") as caught:
            await call(client, "none")
    assert caught.value.code == "no_eligible_provider"
    assert sidecar.sandbox.requests("google") == []


async def test_tokens_of_every_endpoint_are_logged(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        for call in (embeddings, images, responses, completions):
            await call(client)
    assert all(line["prompt_tokens"] > 0 for line in sidecar.log.lines)


async def test_dall_e_options_are_converted_for_gpt_image_models(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        raw = await client.images.with_raw_response.generate(
            model="dall-e-3", prompt="a parrot", quality="hd", size="1792x1024", style="vivid"
        )
    assert raw.parse().data[0].b64_json  # type: ignore[index]
    assert raw.headers["x-routing-warnings"] == "param-dropped;name=style"


async def test_moderations_need_no_model(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        answer = await client.moderations.create(input="violence")
    assert answer.results[0].flagged


WITHOUT_A_ROW = """
providers:
  google: {dialect: google, base_url: "http://127.0.0.1:1"}
  local: {dialect: compatible, base_url: "http://127.0.0.1:1/v1"}
  openai: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}
models: {m: {local: llama}}
"""


async def test_a_request_that_may_name_no_model_is_served_by_any_openai_provider() -> None:
    async with run_sidecar(WITHOUT_A_ROW) as started, started.client() as client:
        flagged = await client.moderations.with_raw_response.create(input="violence")
        image = await client.images.generate(prompt="a parrot")
        with pytest.raises(openai.BadRequestError, match="local: endpoint_unsupported") as caught:
            await client.moderations.create(input="violence", extra_headers={"X-Provider": "local"})
        with pytest.raises(openai.BadRequestError, match="'model' is missing"):
            await client.completions.create(model="", prompt="Once")
    assert flagged.parse().results[0].flagged and image.data
    assert flagged.headers["x-provider-model"] == "omni-moderation-latest"
    assert "no provider may serve a request without a model" in caught.value.message
    assert [b"model" in each.body for each in started.sandbox.requests("openai")] == [False, False]


async def test_images_are_streamed(sidecar: RunningSidecar) -> None:
    async with sidecar.client(default_headers=NATIVE) as client:
        stream = await client.images.generate(model="m", prompt="a parrot", stream=True, partial_images=2)
        kinds = [event.type async for event in stream]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert sidecar.log.lines[0]["outcome"] == "ok" and sidecar.log.lines[0]["completion_tokens"] > 0


COMPATIBLE = """
providers:
  first: {dialect: compatible, base_url: "http://127.0.0.1:1/v1"}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}
models:
  m: {first: {model: llama, price: {input: 1, output: 2}}, second: {model: gpt, price: {input: 1, output: 2}}}
"""


@pytest.mark.parametrize("provider", ["first", "second"])
async def test_a_stream_of_legacy_completions_has_its_cost(provider: str) -> None:
    async with run_sidecar(COMPATIBLE) as started, started.client(default_headers={"X-Provider": provider}) as client:
        options: Any = {"stream_options": {"include_usage": True}}
        stream = await client.completions.create(model="m", prompt=["Once", "Twice"], stream=True, **options)
        chunks = [chunk async for chunk in stream]
        hidden = [chunk async for chunk in await client.completions.create(model="m", prompt="Once", stream=True)]
    assert chunks[-1].usage is not None and chunks[-1].usage.model_extra["cost"] > 0  # type: ignore[index]
    finishes = {(choice.index, choice.finish_reason) for chunk in chunks for choice in chunk.choices}
    assert {index for index, reason in finishes if reason} == {0, 1}
    assert not any(chunk.usage for chunk in hidden) and all(line["cost_usd"] > 0 for line in started.log.lines)


@pytest.mark.parametrize("provider", ["first", "second"])
async def test_a_cut_stream_of_legacy_completions_has_no_done(provider: str) -> None:
    async with run_sidecar(COMPATIBLE) as started:
        await started.sandbox.set_fault(provider, Fault("cut", after=3))
        body = {"model": "m", "prompt": "Once", "stream": True}
        async with (
            aiohttp.ClientSession(headers={"X-Provider": provider}) as http,
            http.post(f"{started.url}/v1/completions", json=body) as answer,
        ):
            text = await answer.text()
    assert "[DONE]" not in text and "upstream_disconnected" in text.strip().split("\n\n")[-1]


async def test_legacy_completions_fail_over_between_dialects_before_their_content() -> None:
    async with run_sidecar(COMPATIBLE) as started:
        await started.sandbox.set_fault("first", Fault("cut", after=0))
        async with started.client(default_headers={"X-Provider-Preference": "first"}) as client:
            stream = await client.completions.create(model="m", prompt="Once", stream=True)
            providers = {chunk.provider async for chunk in stream}  # type: ignore[attr-defined]
    assert providers == {"second"}


async def test_a_stream_of_legacy_completions_ends_like_a_chat_stream(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        stream = await client.completions.create(model="m", prompt="Once", stream=True)
        chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices[0].finish_reason and {chunk.provider for chunk in chunks} <= {"first", "second"}  # type: ignore[attr-defined]
    assert sidecar.log.lines[0]["completion_tokens"] > 0


async def test_the_sdk_parses_a_stream_of_the_responses_api(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        events = [event async for event in await client.responses.create(model="m", input="Hello", stream=True)]
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta").startswith(
        "Hello from"
    )
    assert sidecar.log.lines[0]["outcome"] == "ok" and sidecar.log.lines[0]["completion_tokens"] > 0


async def test_typed_events_end_without_done(sidecar: RunningSidecar) -> None:
    body = {"model": "m", "input": "Hello", "stream": True}
    async with aiohttp.ClientSession() as http, http.post(f"{sidecar.url}/v1/responses", json=body) as answer:
        text = await answer.text()
    assert "[DONE]" not in text
    assert text.rstrip().rpartition("event: ")[2].startswith("response.completed")


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_a_cut_stream_of_typed_events_ends_with_an_error(sidecar: RunningSidecar, fault: str) -> None:
    for name in ("first", "second"):
        await sidecar.sandbox.set_fault(name, Fault(fault, after=6))
    async with sidecar.client(default_headers=NATIVE) as client:
        stream = await client.responses.create(model="m", input="Hello", stream=True)
        with pytest.raises(openai.APIError) as caught:
            async for _ in stream:
                pass
    assert caught.value.code == "upstream_disconnected"
    assert sidecar.log.lines[0]["outcome"] == "upstream_disconnected"


async def test_a_stream_of_typed_events_fails_over_before_its_content(sidecar: RunningSidecar) -> None:
    await sidecar.sandbox.set_fault("first", Fault("cut", after=2))
    async with sidecar.client(default_headers={"X-Provider-Preference": "first", **NATIVE}) as client:
        events = [event async for event in await client.responses.create(model="m", input="Hello", stream=True)]
    assert {event.provider for event in events} == {"second"}  # type: ignore[union-attr]
    assert [event.type for event in events].count("response.created") == 1
