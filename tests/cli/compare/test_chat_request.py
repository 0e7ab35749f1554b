"""A chat request is sent as a stream, and its answer is measured. A failure is an answer too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, ClientTimeout, web
from aiohttp.test_utils import TestServer

from proxy.cli.compare import chat_request
from proxy.cli.compare.chat_request import Answer, ChatClient, ToolCall
from tests.cli.compare.samples import HELLO

HEADERS = {
    "X-Provider": "openai",
    "X-Provider-Model": "gpt-4.1",
    "X-Routing-Warnings": "param-dropped;name=seed, tool-dropped;name=x",
    "Content-Type": "text/event-stream",
}


class Clock:
    """Advances by a second with each reading."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@asynccontextmanager
async def client_of(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], timeout_s: float = 5
) -> AsyncIterator[ChatClient]:
    application = web.Application()
    application.router.add_post("/", answer)
    async with TestServer(application) as server, ClientSession(timeout=ClientTimeout(timeout_s)) as session:
        yield ChatClient(session, str(server.make_url("/")), Clock())


def delta(finish: str | None = None, **members: Any) -> bytes:
    return orjson.dumps({"choices": [{"index": 0, "delta": members, "finish_reason": finish}]})


USAGE = orjson.dumps({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "cost": 0.5}})


async def ask(*events: bytes, headers: Any = HEADERS, status: int = 200) -> Answer:
    """Return the answer to a response of these events."""

    async def answer(request: web.Request) -> web.Response:
        body = b"".join(b"data: " + event + b"\n\n" for event in events)
        return web.Response(status=status, body=body, headers=headers)

    async with client_of(answer) as client:
        return await client.ask(HELLO)


async def test_a_stream_is_read_with_its_measurements() -> None:
    answer = await ask(
        delta(role="assistant", content=""), delta(content="Par"), delta(content="is"), delta("stop"), USAGE, b"[DONE]"
    )
    assert answer == Answer(
        text="Paris",
        finish_reason="stop",
        provider="openai",
        provider_model="gpt-4.1",
        warnings=("param-dropped;name=seed", "tool-dropped;name=x"),
        ttft_ms=1000.0,
        latency_ms=2000.0,
        prompt_tokens=7,
        completion_tokens=3,
        cost_usd=0.5,
    )


async def test_tool_calls_are_put_together() -> None:
    def piece(index: int, **function: str) -> bytes:
        return delta(tool_calls=[{"index": index, "function": function}])

    events = [
        piece(0, name="a", arguments=""),
        piece(0, arguments='{"x"'),
        piece(1, name="b"),
        piece(0, arguments=": 1}"),
    ]
    answer = await ask(*events, delta("tool_calls"))
    assert answer.tool_calls == (ToolCall("a", '{"x": 1}'), ToolCall("b", "")) and answer.error is None


async def test_a_call_of_a_custom_tool_has_its_input() -> None:
    answer = await ask(
        delta(tool_calls=[{"index": 0, "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}]),
        delta("tool_calls"),
    )
    assert answer.tool_calls == (ToolCall("sql", "SELECT"),)


async def test_counts_that_are_no_numbers_are_unknown() -> None:
    answer = await ask(delta("stop", content="Hi"), b'{"choices": [], "usage": {"prompt_tokens": "7", "cost": null}}')
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cost_usd) == (None, None, None)


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([delta(content="Par")], "the answer ended before it was complete"),
        ([delta(content="Par"), b'{"error": {"message": "overloaded", "code": "x"}}'], "overloaded"),
        ([b'{"error": "odd"}'], "the stream ended with an error"),
        ([b"{"], "the connection broke: unexpected end of data: line 1 column 2 (char 1)"),
        ([b"[1]", b'{"choices": {"a": 1}}', b'{"choices": [1]}'], "the answer ended before it was complete"),
    ],
)
async def test_a_stream_that_fails_has_an_error(events: list[bytes], error: str) -> None:
    assert (await ask(*events)).error == error


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, b'{"error": {"message": "no model"}}', "no model"),
        (502, b"<html>", "the response has status 502 and no answer"),
        (200, b"[]", "the response has status 200 and no answer"),
    ],
)
async def test_an_error_response_is_an_answer(status: int, body: bytes, error: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={"X-Provider": "openai"})

    async with client_of(answer) as client:
        got = await client.ask(HELLO)
    assert (got.error, got.provider, got.ttft_ms) == (error, "openai", None)


async def test_a_prompt_can_ask_for_a_complete_response() -> None:
    sent = []

    async def answer(request: web.Request) -> web.Response:
        sent.append(await request.json())
        message = {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}] * 2}
        return web.json_response({"choices": [{"message": message, "finish_reason": "tool_calls"}]})

    async with client_of(answer) as client:
        complete = await client.ask({**HELLO, "stream": False})
        await client.ask(HELLO)
    assert (complete.tool_calls, complete.ttft_ms, complete.error) == ((ToolCall("f", "{}"),) * 2, None, None)
    assert sent == [{**HELLO, "stream": False}, {**HELLO, "stream": True, "stream_options": {"include_usage": True}}]


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
async def test_an_answer_over_the_limit_is_refused(content_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_request, "MAX_BYTES", 10)
    answer = await ask(delta(content="Paris"), headers={"Content-Type": content_type})
    assert answer.error == "the connection broke: the answer is over 10 bytes"


async def test_a_broken_connection_keeps_what_has_arrived() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        await response.write(b"data: " + delta(content="Par") + b"\n\n")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with client_of(answer) as client:
        got = await client.ask(HELLO)
    assert got.text in ("Par", "") and str(got.error).startswith("the connection broke: ")


async def test_an_answer_that_takes_too_long_is_an_error() -> None:
    async def answer(request: web.Request) -> web.Response:
        raise TimeoutError

    async with client_of(answer, timeout_s=1e-9) as client:
        assert (await client.ask(HELLO)).error == "no complete answer in time"
