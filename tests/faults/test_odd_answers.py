"""Whatever a provider sends ends in failover, or in an honest error in the client's format: every oddity, every dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import openai
import orjson
import pytest

from tests.faults.rehearsal import ClientResult, Rehearsal, rehearsal, routing_yaml
from tests.faults.server import FIN, RECV, Script, http_chunk, http_response, reply
from tests.faults.wire_formats import CLOSING, TEXT, WIRE_FORMATS, stream_head
from tests.virtual_time import virtual_time

OPENAI = WIRE_FORMATS["openai"]
DIALECTS = ("openai", "anthropic", "google", "mistral", "cohere", "meta")
DEEP = b"[" * 100_000
PAGE = b"<!doctype html><html><body>Welcome</body></html>"

BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n",
    "an HTML page": PAGE,
    "plain text": b"upstream connect error",
    "NUL bytes": bytes(64),
    "not UTF-8": b"\xff\xfe\x00{\x00}",
    "half of an object": b'{"id":"x","choices":[{"index":0',
    "nested too deeply": DEEP,
    "null": b"null",
    "true": b"true",
    "a number": b"5",
    "a huge number": b"1" + b"0" * 5000,
    "a string": b'"text"',
    "a lone surrogate": b'"\\ud83d"',
    "an empty list": b"[]",
    "a list": b"[1]",
    "an empty object": b"{}",
    "another object": b'{"detail":"welcome","model":"m"}',
    "an error": b'{"error":{"message":"broken"}}',
    "an error that is text": b'{"error":"broken"}',
    "an error that is a list": b'{"error":["broken"]}',
    "no choices": b'{"choices":[],"candidates":[],"content":null,"message":null}',
    "null choices": b'{"choices":null,"candidates":null,"content":"x","message":"x"}',
    "choices that are text": b'{"choices":"x","candidates":"x","content":5,"message":5}',
    "a choice that is null": b'{"choices":[null],"candidates":[null],"content":[null],"message":{"content":[null]}}',
    "a choice that is a number": b'{"choices":[1e999],"candidates":[5],"content":[5],"message":[5]}',
    "a choice without a message": b'{"choices":[{"index":0,"finish_reason":"stop"}],"candidates":[5],"content":{},"message":[]}',
    "a choice with a null message": b'{"choices":[{"index":0,"message":null}],"candidates":[5],"content":{},"message":[]}',
}
"""Bodies of a 200 that no dialect can take for an answer."""


def respond(body: bytes, status: str = "200 OK", headers: str = "Content-Type: application/json\r\n") -> bytes:
    return http_response(body, status=status, headers=CLOSING + headers)


def stream(*events: bytes) -> bytes:
    return stream_head() + b"".join(http_chunk(event) for event in events if event) + http_chunk(b"")


@asynccontextmanager
async def odd_provider(dialect: str, rows: Mapping[str, bytes], *, streams: bool) -> AsyncIterator[Rehearsal]:
    """Start a sidecar whose first provider sends the row that the request's User-Agent names, and whose second is healthy."""
    script: Script = [RECV, reply(lambda request: rows[request.headers["user-agent"]]), FIN]
    file = routing_yaml(dialect, failover="circuit_breaker: {enabled: false}")
    async with rehearsal(file, [script], [OPENAI.response_script(streams)]) as running:
        yield running
        unexpected = ("request_unhandled_error", "transform_failed")
        assert not [line for line in running.log.lines if line["event"] in unexpected]


async def ask_first(running: Rehearsal, name: str, *, streams: bool) -> ClientResult:
    """Ask the odd provider alone."""
    return await running.send_chat(
        streams, {"User-Agent": name, "X-Provider": "first", "X-Retry-On-Provider-Error": "false"}
    )


def check_error(result: ClientResult, name: str) -> None:
    """Assert that the client got an error in its own format."""
    assert 400 <= result.status < 600, (name, result.status, result.body)
    assert result.headers["Content-Type"].startswith("application/json"), name
    error = orjson.loads(result.body)["error"]
    assert [type(error[member]) for member in ("message", "type", "code")] == [str] * 3, (name, error)
    assert len(result.body) < 4096, name


async def check_all(dialect: str, rows: Mapping[str, bytes], *, streams: bool) -> None:
    """Assert of each row that alone it is an error, and that another provider makes up for it."""
    async with odd_provider(dialect, rows, streams=streams) as running:
        for name in rows:
            check_error(await ask_first(running, name, streams=streams), name)
            result = await running.send_chat(streams, {"User-Agent": name})
            assert (result.status, result.text, result.errors) == (200, TEXT, []), (name, result.body)
            assert result.provider == "second", name


@pytest.mark.parametrize("dialect", DIALECTS)
@virtual_time
async def test_a_body_that_is_no_answer(dialect: str) -> None:
    await check_all(dialect, {name: respond(body) for name, body in BODIES.items()}, streams=False)


STATUSES = ("201 Created", "202 Accepted", "204 No Content", "206 Partial Content", "299 X", "301 X", "302 X", "304 X",
            "307 X", "308 X", "451 X", "418 X", "599 X", "999 X")  # fmt: skip
FINAL = ("418", "451")
"""Statuses of the caller's own errors, which no other provider judges differently."""


def odd_status(status: str) -> bytes:
    body = b"" if status[:3] in ("204", "304") else PAGE
    return respond(body, status, "Location: http://169.254.169.254/\r\nContent-Type: text/html\r\n")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("streams", [True, False])
@virtual_time
async def test_an_odd_status(streams: bool, dialect: str) -> None:
    rows = {status: odd_status(status) for status in STATUSES}
    await check_all(dialect, {name: row for name, row in rows.items() if name[:3] not in FINAL}, streams=streams)
    async with odd_provider(dialect, rows, streams=streams) as running:
        for name in rows:
            if name[:3] in FINAL:
                result = await running.send_chat(streams, {"User-Agent": name})
                check_error(result, name)
                assert result.status == int(name[:3]) and running.calls[1] == 0


RAW: dict[str, bytes] = {
    "a flood of interim responses": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    "only an interim response": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\n\r\n{}",
    "nothing but line ends": b"\r\n" * 64,
    "a control character in a header": b"HTTP/1.1 200 OK\r\nX: a\x07b\x00\r\nContent-Length: 2\r\n\r\n{}",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a body shorter than its length": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
}


@pytest.mark.parametrize("streams", [True, False])
@virtual_time
async def test_an_odd_http_message(streams: bool) -> None:
    await check_all("openai", RAW, streams=streams)


KINDS = ("application/json", "text/plain", "text/html", "application/octet-stream", "application/x-ndjson", "")


def with_kind(kind: str) -> bytes:
    return respond(OPENAI.body, headers=f"Content-Type: {kind}\r\n" if kind else "")


@pytest.mark.parametrize("dialect", DIALECTS)
@virtual_time
async def test_a_stream_with_another_content_type(dialect: str) -> None:
    await check_all(dialect, {kind or "none": with_kind(kind) for kind in KINDS}, streams=True)


@virtual_time
async def test_the_content_type_of_a_complete_answer_does_not_matter() -> None:
    rows = {kind or "none": with_kind(kind) for kind in KINDS}
    async with odd_provider("openai", rows, streams=False) as running:
        for name in rows:
            result = await ask_first(running, name, streams=False)
            assert (result.status, result.text, result.provider) == (200, TEXT, "first"), name


# Streams.

ODD_EVENTS: dict[str, bytes] = {
    "nothing": b"",
    "blank lines": b"\n\n\n\n",
    "comments": b": ping\n\n: ping\n\n",
    "an event name": b"event: ping\n\n",
    "ids": b"id: 1\n\nid: 2\n\n",
    "a retry": b"retry: 3000\n\n",
    "unknown fields": b"foo: bar\n\n",
    "empty data": b"data:\n\ndata: \n\n",
    "a page": PAGE + b"\n\n",
    "data that is a page": b"data: " + PAGE + b"\n\n",
    "NUL bytes": bytes(64) + b"\n\n",
    "data that is NUL bytes": b"data: " + bytes(64) + b"\n\n",
    "not UTF-8": b"data: \xff\xfe\n\n",
    "data nested too deeply": b"data: " + DEEP[:20_000] + b"\n\n",
    "null": b"data: null\n\n",
    "true": b"data: true\n\n",
    "a number": b"data: 5\n\n",
    "a huge number": b"data: 1" + b"0" * 5000 + b"\n\n",
    "a string": b'data: "text"\n\n',
    "a list": b"data: []\n\ndata: [1]\n\n",
    "an empty object": b"data: {}\n\n",
    "another object": b'data: {"detail":"welcome"}\n\n',
    "null choices": b'data: {"choices":null,"candidates":null}\n\n',
    "choices that are text": b'data: {"choices":"x"}\n\n',
    "no choices": b'data: {"choices":[],"candidates":[]}\n\n',
    "a type that is a number": b'data: {"type":5}\n\n',
    "an unknown type": b'data: {"type":"surprise"}\n\nevent: surprise\ndata: {"type":"surprise"}\n\n',
}
"""Events that contain nothing for a client."""


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("done", [b"", b"data: [DONE]\n\n"], ids=["", "done"])
@virtual_time
async def test_a_stream_of_nothing_else(done: bytes, dialect: str) -> None:
    await check_all(dialect, {name: stream(data, done) for name, data in ODD_EVENTS.items()}, streams=True)


ANSWERS: dict[str, tuple[list[bytes], list[bytes]]] = {}
"""An answer in each dialect: its events up to the text, and the others."""


def encode_events(*values: Any) -> list[bytes]:
    return [b"data: " + orjson.dumps(value) + b"\n\n" for value in values]


def chunk(delta: Any, finish: Any = None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}


ANSWERS["openai"] = (
    encode_events(chunk({"role": "assistant", "content": "Hi"})),
    [*encode_events(chunk({}, "stop")), OPENAI.done],
)
ANSWERS["mistral"] = ANSWERS["meta"] = ANSWERS["openai"]
ANSWERS["anthropic"] = (
    encode_events(
        {"type": "message_start", "message": {"id": "x", "model": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    ),
    encode_events({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}),
)
ANSWERS["google"] = (
    encode_events({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}),
    encode_events({"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]}),
)
ANSWERS["cohere"] = (
    encode_events(
        {"type": "message-start", "id": "x"},
        {"type": "content-delta", "delta": {"message": {"content": {"text": "Hi"}}}},
    ),
    encode_events({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}),
)


@pytest.mark.parametrize("dialect", DIALECTS)
@virtual_time
async def test_within_an_answer_odd_events_do_not_reach_the_client(dialect: str) -> None:
    first, rest = ANSWERS[dialect]
    rows = {name: stream(odd, *first, odd, *rest) for name, odd in ODD_EVENTS.items()}
    async with odd_provider(dialect, rows, streams=True) as running:
        for name in rows:
            result = await ask_first(running, name, streams=True)
            assert (result.status, result.text, result.errors) == (200, "Hi", []), (name, result.body)
            assert (result.finishes, result.done) == (["stop"], 1), (name, result.body)
            check_events(result)


def check_events(result: ClientResult) -> None:
    """Assert that every event of a stream is a chunk, and that every frame without data is a comment."""
    frames = [frame for frame in result.body.split(b"\n\n") if frame.strip()]
    assert all(frame.startswith((b"data: ", b":")) for frame in frames), frames
    assert all(isinstance(each["choices"], list) for each in result.chunks), result.chunks


@virtual_time
async def test_ids_of_events_are_left_out_as_the_sdk_would_take_later_comments_for_events() -> None:
    first, rest = ANSWERS["openai"]
    with_ids = [b"id: %d\n" % number + data for number, data in enumerate((*first, *rest))]
    rows = {"ids": stream(with_ids[0], b": ping\n\n", *with_ids[1:])}
    async with odd_provider("openai", rows, streams=True) as running:
        client = openai.AsyncOpenAI(base_url=f"{running.sidecar.url}/v1", api_key="any", max_retries=0)
        messages: Any = [{"role": "user", "content": "hi"}]
        headers = {"User-Agent": "ids", "X-Provider": "first"}
        answer = await client.chat.completions.create(model="m", messages=messages, stream=True, extra_headers=headers)
        assert [chunk.choices[0].delta.content async for chunk in answer] == ["Hi", None]
        await client.close()
        result = await ask_first(running, "ids", streams=True)
        assert b": ping\n\n" in result.body and b"id: " not in result.body
