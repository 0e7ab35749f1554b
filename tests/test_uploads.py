"""Forms with files: they stream to one provider while they arrive, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import aiohttp
import openai
import pytest

from proxy.sandbox.model import PIXEL
from proxy.sandbox.openai_forms import digest
from proxy.sandbox.scenario import Fault
from tests.running import RunningSidecar, run_sidecar

FILE = """
pipeline: [access_log, limits: {max_upload: 8MiB, max_body: 1MiB}]
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", api_key: k1}
  second: {dialect: compatible, base_url: "http://127.0.0.1:1/v1", api_key: k2}
  google: {dialect: google, base_url: "http://127.0.0.1:1", api_key: k3}
models:
  m: {first: {model: whisper-1, price: {input: 1, output: 2}}, second: whisper-large-v3, google: gemini}
  image: {first: dall-e-2}
"""
AUDIO = bytes(range(256)) * 1024
"""256 KiB with every byte."""
PNG = base64.b64decode(PIXEL)


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE) as started:
        yield started


@pytest.fixture
async def client(sidecar: RunningSidecar) -> AsyncIterator[openai.AsyncOpenAI]:
    async with sidecar.client() as sdk:
        yield sdk


def at(provider: str) -> dict[str, Any]:
    return {"model": "m", "extra_headers": {"X-Provider": provider}}


def form(*parts: tuple[str, bytes | str], boundary: str = "xyz") -> bytes:
    """Return a form: text is a field, bytes are a file."""
    written = b""
    for name, value in parts:
        is_file = isinstance(value, bytes)
        head = f'form-data; name="{name}"' + (f'; filename="{name}.wav"' if is_file else "")
        content = value if isinstance(value, bytes) else value.encode()
        written += f"--{boundary}\r\nContent-Disposition: {head}\r\n\r\n".encode() + content + b"\r\n"
    return written + f"--{boundary}--\r\n".encode()


async def post(sidecar: RunningSidecar, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    sent = {"Content-Type": "multipart/form-data; boundary=xyz", **headers}
    data = BytesIO(body) if isinstance(body, bytes) else body
    async with aiohttp.request("POST", sidecar.url + path, data=data, headers=sent) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("provider, model", [("first", "whisper-1"), ("second", "whisper-large-v3")])
async def test_the_sdk_transcribes(
    sidecar: RunningSidecar, client: openai.AsyncOpenAI, provider: str, model: str
) -> None:
    raw = await client.audio.transcriptions.with_raw_response.create(file=("a.wav", AUDIO), **at(provider))
    assert raw.parse().text == f"{provider} heard a.wav: {len(AUDIO)} bytes, {digest(AUDIO)}"
    assert (raw.headers["x-provider"], raw.headers["x-provider-attempts"]) == (provider, "1")
    sent = sidecar.sandbox.requests(provider)[-1]
    assert f'name="model"\r\n\r\n{model}\r\n'.encode() in sent.body
    assert int(sent.headers["Content-Length"]) == len(sent.body)
    if provider == "first":
        assert float(raw.headers["x-request-cost"]) > 0
    parts = form(("file", AUDIO), ("model", "m"))
    _, translated = await post(sidecar, "/v1/audio/translations", parts, **{"X-Provider": provider})
    assert translated["text"].startswith(f"{provider} translated file.wav")


async def test_a_transcript_may_be_text_or_events(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    raw = await client.audio.transcriptions.with_raw_response.create(
        file=("a.wav", AUDIO), response_format="srt", **at("first")
    )
    assert raw.headers["content-type"] == "text/plain; charset=utf-8" and "-->" in raw.text
    stream = await client.audio.transcriptions.create(file=("a.wav", AUDIO), stream=True, **at("first"))
    events = [event async for event in stream]
    assert events[-1].type == "transcript.text.done" and digest(AUDIO) in events[-1].text
    assert sidecar.log.lines[-1]["completion_tokens"] > 0


async def test_images_are_edited_and_varied(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    edited = await client.images.edit(model="image", image=("a.png", PNG), mask=("m.png", PNG), prompt="greener")
    assert edited.data
    named: Any = [("model", "image")]
    for model in (named, []):  # without one the provider chooses
        status, varied = await post(sidecar, "/v1/images/variations", form(("image", PNG), ("n", "2"), *model))
        assert (status, len(varied["data"]), varied["provider"]) == (200, 2, "first")


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_the_model_may_stand_before_or_after_the_file(
    sidecar: RunningSidecar, where: str, is_chunked: bool
) -> None:
    parts = [("model", "m"), ("file", AUDIO)]
    body = form(*(parts if where == "before" else parts[::-1]))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    sent: Any = pieces() if is_chunked else body
    status, answer = await post(sidecar, "/v1/audio/transcriptions", sent, **{"X-Provider": "first"})
    assert (status, answer.get("text")) == (200, f"first heard file.wav: {len(AUDIO)} bytes, {digest(AUDIO)}")
    request = sidecar.sandbox.requests("first")[-1]
    assert request.body == body.replace(b"\r\n\r\nm\r\n", b"\r\n\r\nwhisper-1\r\n")
    assert ("Content-Length" in request.headers) is not is_chunked


async def test_a_model_too_far_behind_the_file_is_a_400_that_says_what_to_do(sidecar: RunningSidecar) -> None:
    status, answer = await post(sidecar, "/v1/audio/transcriptions", form(("file", AUDIO * 8), ("model", "m")))
    assert (status, answer["error"]["param"]) == (400, "model")
    assert answer["error"]["message"].endswith("send 'model' before the file")
    assert sidecar.sandbox.requests("first") == sidecar.sandbox.requests("second") == []


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_form_over_max_upload_is_a_413(sidecar: RunningSidecar, is_chunked: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield form(("model", "m"), ("file", AUDIO))[:-9]
        for _ in range(40):
            yield AUDIO

    sent: Any = pieces() if is_chunked else form(("model", "m"), ("file", AUDIO * 40))
    status, answer = await post(sidecar, "/v1/audio/transcriptions", sent)
    assert (status, answer["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    "body, content_type, message",
    [
        (b"nonsense", "multipart/form-data; boundary=xyz", "does not begin with its boundary"),
        (form(("model", "m")), "multipart/form-data", "needs a boundary"),
        (form(("model", "m"))[:-10], "multipart/form-data; boundary=xyz", "ends without its closing boundary"),
        (form(("model", "m"), ("model", "m")), "multipart/form-data; boundary=xyz", "has the field 'model' twice"),
        (form(("file", b"x")), "multipart/form-data; boundary=xyz", "'model' is missing"),
        (form(("model", "m")).replace(b"form-data;", b"file;"), "multipart/form-data; boundary=xyz", "has no name"),
        (form(("model", "unknown")), "multipart/form-data; boundary=xyz", "no model 'unknown'"),
        (b"model=m", "application/x-www-form-urlencoded", "is not JSON"),
    ],
)
async def test_what_cannot_be_routed_is_refused(
    sidecar: RunningSidecar, body: bytes, content_type: str, message: str
) -> None:
    status, answer = await post(sidecar, "/v1/audio/transcriptions", body, **{"Content-Type": content_type})
    assert status in (400, 404) and message in answer["error"]["message"]
    assert sidecar.sandbox.requests("first") == []


async def test_a_form_has_one_attempt(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    await sidecar.sandbox.set_fault("first", Fault("status", status=503))
    with pytest.raises(openai.InternalServerError) as caught:
        headers = {"X-Provider-Preference": "first"}
        await client.audio.transcriptions.create(model="m", file=("a.wav", AUDIO), extra_headers=headers)
    assert caught.value.response.headers["x-provider-attempts"] == "1"
    assert sidecar.sandbox.requests("second") == []
    assert (await client.audio.transcriptions.create(file=("a.wav", AUDIO), **at("second"))).text


async def test_a_connection_serves_further_requests_after_a_form(sidecar: RunningSidecar) -> None:
    body = form(("model", "m"), ("file", AUDIO))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sidecar.url.rpartition(":")[2]))
    head = (
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nX-Provider: first\r\n"
        b"Content-Type: multipart/form-data; boundary=xyz\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    for _ in range(3):
        writer.write(head + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", answer)
        assert answer.startswith(b"HTTP/1.1 200") and length is not None
        await reader.readexactly(int(length[1]))
    writer.close()


async def test_nothing_of_a_form_stays_counted(sidecar: RunningSidecar, client: openai.AsyncOpenAI) -> None:
    await client.audio.transcriptions.create(file=("a.wav", AUDIO), **at("first"))
    load = sidecar.sidecar.handler.load
    assert (load.buffered_bytes, load.requests) == (0, 0)
