"""Audio and other answers that pass as bytes, through a running sidecar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from proxy.sandbox.openai_audio import spoken
from proxy.sandbox.scenario import Fault
from tests.faults.rehearsal import rehearsal, routing_yaml
from tests.faults.server import CHUNKED_HEAD, RECV, Peer, http_chunk, send
from tests.running import RunningSidecar, run_sidecar

FILE = """
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", api_key: sk-first-12345}
  second: {dialect: compatible, base_url: "http://127.0.0.1:1/v1", api_key: sk-second-12345}
models:
  m: {first: {model: tts-1, price: {input: 1, output: 2}}, second: tts-2}
  only-first: {first: tts-1, second: {model: tts-2, unsupported: [/audio/speech]}}
"""
TEXT = "Hello there, this is spoken. " * 20
BODY: Any = {"model": "m", "input": TEXT, "voice": "alloy"}


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE) as started:
        yield started


@pytest.mark.parametrize("provider", ["first", "second"])
@pytest.mark.parametrize("form, kind", [("mp3", "audio/mpeg"), ("wav", "audio/wav")])
async def test_spoken_text_is_the_providers_own_bytes(
    sidecar: RunningSidecar, provider: str, form: Any, kind: str
) -> None:
    async with sidecar.client(default_headers={"X-Provider": provider}) as client:
        async with client.audio.speech.with_streaming_response.create(**BODY, response_format=form) as answer:
            received = await answer.read()
        assert (received, answer.headers["content-type"]) == (spoken(TEXT), kind)
        assert (answer.headers["x-provider"], answer.headers["x-provider-attempts"]) == (provider, "1")
    assert sidecar.log.lines[-1]["outcome"] == "ok"


async def test_spoken_text_may_come_as_events_with_their_cost(sidecar: RunningSidecar) -> None:
    async with (
        aiohttp.ClientSession(headers={"X-Provider": "first"}) as http,
        http.post(f"{sidecar.url}/v1/audio/speech", json={**BODY, "stream_format": "sse"}) as answer,
    ):
        events = (await answer.text()).strip().split("\n\n")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "speech.audio.delta" in events[0] and '"provider":"first"' in events[0]
    assert "speech.audio.done" in events[-1] and "[DONE]" not in events[-1]
    assert sidecar.log.lines[-1]["completion_tokens"] > 0 and sidecar.log.lines[-1]["cost_usd"] > 0


async def test_a_provider_that_fails_before_the_first_byte_is_not_seen(sidecar: RunningSidecar) -> None:
    for fault in (Fault("status", status=503), Fault("cut", after=0), Fault("reset")):
        await sidecar.sandbox.set_fault("first", fault)
        async with sidecar.client(default_headers={"X-Provider-Preference": "first"}) as client:
            answer = await client.audio.speech.create(**BODY)
            assert answer.content == spoken(TEXT)


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_audio_that_was_cut_does_not_look_complete(sidecar: RunningSidecar, fault: str) -> None:
    await sidecar.sandbox.set_fault("first", Fault(fault, after=5))
    async with (
        aiohttp.ClientSession(headers={"X-Provider": "first"}) as http,
        http.post(f"{sidecar.url}/v1/audio/speech", json=BODY) as answer,
    ):
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    assert sidecar.log.lines[-1]["outcome"] == "upstream_disconnected"


async def test_a_host_that_lacks_an_endpoint_is_not_asked(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        for _ in range(10):
            await client.audio.speech.create(**{**BODY, "model": "only-first"})
        with pytest.raises(openai.BadRequestError, match="second: endpoint_unsupported"):
            await client.audio.speech.create(**{**BODY, "model": "only-first"}, extra_headers={"X-Provider": "second"})
    assert sidecar.sandbox.requests("second") == []


async def test_an_error_is_an_error_in_openais_format(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        with pytest.raises(openai.BadRequestError, match="response_format"):
            await client.audio.speech.create(**BODY, response_format="ogg")  # type: ignore[arg-type]


AUDIO_HEAD = CHUNKED_HEAD.replace(b"text/event-stream", b"audio/mpeg")


async def test_bytes_are_sent_on_as_they_arrive_and_have_no_secret() -> None:
    goes_on = asyncio.Event()

    async def wait(peer: Peer) -> None:
        await goes_on.wait()

    rest = [send(http_chunk(b"b" * 5000)), send(http_chunk(b"<canary-of-the-provider>")), send(http_chunk(b""))]
    script = [RECV, send(AUDIO_HEAD), send(http_chunk(b"a" * 5000)), wait, *rest]
    async with rehearsal(routing_yaml(alone=True), [script]) as running, aiohttp.ClientSession() as http:
        url = f"{running.sidecar.url}/v1/audio/speech"
        async with http.post(url, json={"model": "m", "input": "x"}) as answer:
            first = await answer.content.readany()
            assert set(first) == set(b"a") and len(first) > 4000
            goes_on.set()
            received = first + await answer.read()
    assert received == b"a" * 5000 + b"b" * 5000 + b"<[redacted]>"


async def test_a_caller_that_leaves_ends_the_answer() -> None:
    left = asyncio.Event()

    async def until_closed(peer: Peer) -> None:
        await peer.reader.read()
        left.set()

    script = [RECV, send(AUDIO_HEAD), send(http_chunk(b"a" * 5000)), until_closed]
    async with rehearsal(routing_yaml(alone=True), [script]) as running, aiohttp.ClientSession() as http:
        answer = await http.post(f"{running.sidecar.url}/v1/audio/speech", json={"model": "m", "input": "x"})
        await answer.content.readany()
        answer.close()
        await left.wait()
    assert running.log.lines[-1]["outcome"] == "client_disconnected"
