"""OpenAI's SDK gets images from OpenAI and Google, through a running sidecar."""

from __future__ import annotations

from collections.abc import AsyncIterator

import openai
import orjson
import pytest

from proxy.sandbox.model import PIXEL
from proxy.sandbox.scenario import Fault
from tests.running import RunningSidecar, run_sidecar

FILE = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  openai: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}
  google: {dialect: google, base_url: "http://127.0.0.1:1"}
models:
  m: {openai: gpt-image-1.5, google: gemini-3-pro-image-preview}
"""


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE) as started:
        yield started


@pytest.mark.parametrize("provider", ["openai", "google"])
async def test_both_answer_alike(sidecar: RunningSidecar, provider: str) -> None:
    async with sidecar.client(default_headers={"X-Provider": provider}) as client:
        answer = await client.images.generate(model="m", prompt="a parrot", size="1536x1024", n=2)
    assert [image.b64_json for image in answer.data or ()] == [PIXEL, PIXEL]
    assert answer.usage is not None and answer.usage.input_tokens > 0 and answer.provider == provider  # type: ignore[attr-defined]
    assert len(sidecar.sandbox.requests(provider)) == (2 if provider == "google" else 1)


async def test_a_request_fails_over_from_one_to_the_other(sidecar: RunningSidecar) -> None:
    await sidecar.sandbox.set_fault("openai", Fault("status", status=503))
    async with sidecar.client(default_headers={"X-Provider-Preference": "openai"}) as client:
        answer = await client.images.generate(model="m", prompt="a parrot", size="1024x1536")
    assert answer.provider == "google"  # type: ignore[attr-defined]
    sent = orjson.loads(sidecar.sandbox.requests("google")[-1].body)
    assert sent["generationConfig"]["imageConfig"] == {"aspectRatio": "2:3"}


async def test_a_stream_of_images_goes_to_openai(sidecar: RunningSidecar) -> None:
    async with sidecar.client(default_headers={"X-Provider-Preference": "google"}) as client:
        stream = await client.images.generate(model="m", prompt="a parrot", stream=True, partial_images=2)
        events = [event async for event in stream]
    assert [event.type for event in events] == [
        "image_generation.partial_image", "image_generation.partial_image", "image_generation.completed",
    ]  # fmt: skip
    assert sidecar.sandbox.requests("google") == []


async def test_what_google_cannot_do_excludes_it_with_the_parameter(sidecar: RunningSidecar) -> None:
    async with sidecar.client(default_headers={"X-Provider": "google"}) as client:
        with pytest.raises(openai.BadRequestError, match="unsupported_params: background") as caught:
            await client.images.generate(model="m", prompt="a parrot", background="transparent")
    assert caught.value.param == "background"
