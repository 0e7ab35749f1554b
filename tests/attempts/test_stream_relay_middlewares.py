"""A middleware that fails while a stream is relayed ends the request once, with an error, and aborts the provider's call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson
import pytest

from proxy.errors import ForbiddenError, UpstreamDisconnected
from tests.fakes import BODY, FOREVER, FakeTransport, MemoryLog, chunk_event, exchange, generation, start_request
from tests.virtual_time import virtual_time

CUT = UpstreamDisconnected("cut")
TEXT, FINISH = chunk_event("text"), chunk_event(finish="stop")
DONE = b"data: [DONE]\n\n"


class Failing:
    """A transform that fails at a word, or at the end."""

    def __init__(self, word: bytes) -> None:
        self.word = word

    def feed(self, data: bytes) -> bytes:
        if self.word in data:
            raise KeyError("bug")
        return data

    def end(self) -> bytes:
        if self.word == b"end":
            raise KeyError("bug")
        return b""


@dataclass(frozen=True)
class Custom:
    """A middleware whose `after` raises, or adds a failing transform."""

    error: Exception | None = None
    word: bytes = b""
    header: str = "fine"

    def after(self, exchange, response):
        if self.error is not None:
            raise self.error
        response.headers["X-Custom"] = self.header
        response.transforms.append(Failing(self.word))


@dataclass(frozen=True)
class Nothing:
    def before(self, attempt):
        pass


def start(custom, *rows):
    log = MemoryLog()
    made = exchange(transport=FakeTransport(list(rows)), log=log, raw=orjson.dumps({**BODY, "stream": True}))
    client = start_request(made, generation().pipeline.wrap(custom, Nothing()))
    return client, made, log


def check(client, made, log):
    """Assert that the request has ended once, and left nothing behind."""
    assert [line["event"] for line in log.lines].count("request_completed") == 1
    assert not any(
        made.runtime.telemetry.observations.in_flight(target) for target in made.runtime.telemetry.observations
    )


@pytest.mark.parametrize(("error", "status"), [(ForbiddenError("no"), 403), (KeyError("bug"), 500)])
@virtual_time
async def test_an_error_before_the_stream_begins_is_the_response(error, status):
    client, made, log = start(Custom(error), [TEXT, FOREVER])
    await client.has_ended.wait()
    assert client.status == status and client.error["message"]
    assert made.runtime.transport.transfers[0].aborted == 1
    check(client, made, log)


@pytest.mark.parametrize(
    ("word", "rows"),
    [
        (b"text", [TEXT, FOREVER]),
        (b"more", [TEXT, chunk_event("more"), FOREVER]),
        (b"broke", [TEXT, b'data: {"error":{"message":"broke"}}\n\n', FOREVER]),
        (b"[DONE]", [TEXT, FINISH]),
        (b"[DONE]", [TEXT, FINISH + DONE]),
        (b"upstream_disconnected", [TEXT]),
        (b"end", [TEXT, FINISH, DONE]),
    ],
)
@virtual_time
async def test_an_error_within_the_stream_is_its_last_event(word, rows):
    client, made, log = start(Custom(word=word), rows, CUT, CUT)
    await client.has_ended.wait()
    await asyncio.sleep(2)
    assert client.status == 200 and orjson.loads(client.events[-1])["error"]["code"] == "internal_error"
    assert [b"internal_error" in event for event in client.events].count(True) == 1
    assert all(transfer.is_over for transfer in made.runtime.transport.transfers)
    check(client, made, log)


@virtual_time
async def test_a_header_that_would_break_the_head_of_a_stream_is_a_500():
    client, made, log = start(Custom(header="a\r\nb"), [TEXT, FOREVER])
    await client.has_ended.wait()
    assert (client.status, client.error["code"]) == (500, "internal_error")
    assert made.runtime.transport.transfers[0].aborted == 1
    check(client, made, log)
