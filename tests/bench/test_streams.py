"""Streamed events are counted, and a stream that ends early is an error."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from bench.payloads import CONTENT_EVENT, FIRST_EVENT, LAST_EVENTS, OPENAI, UNARY_MODEL
from bench.streams import EventCounter, StreamFailedError, StreamLoad
from bench.upstream import serve

COMPLETE = b"".join([FIRST_EVENT, b": ping\n\n", CONTENT_EVENT, *LAST_EVENTS])
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, len(COMPLETE)])
def test_events_are_counted_in_chunks_of_any_size_without_comments(size):
    counter = EventCounter()
    new = [counter.feed(COMPLETE[start : start + size]) for start in range(0, len(COMPLETE), size)]
    assert (sum(new), counter.events, counter.done) == (5, 5, True)


@pytest.mark.parametrize("missing", [1, 2, len(LAST_EVENTS[-1])])
def test_a_stream_is_done_only_after_the_complete_last_event(missing):
    counter = EventCounter()
    counter.feed(COMPLETE[:-missing])
    assert not counter.done


async def test_max_tokens_sets_the_number_of_events():
    async with await serve(0) as server:
        load = StreamLoad(server.sockets[0].getsockname()[1], OPENAI, UNARY_MODEL, count=5)
        await load.open(3)
        await load.wait_finished(timeout_s=10)
    assert load.events == 3 * (1 + 5 + 3)


@asynccontextmanager
async def serve_bytes(response: bytes):
    """Serve the same bytes on every connection, then close it. Yields the port."""

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    async with await asyncio.start_server(answer_all, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "response, error",
    [
        (HEAD + chunk(FIRST_EVENT), "cut after 1 events"),
        (HEAD + chunk(COMPLETE), "cut after 5 events"),
        (HEAD + chunk(FIRST_EVENT) + b"0\r\n\r\n", r"ended without \[DONE\] after 1 events"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy", "503 b'busy'"),
        (b"nonsense\r\n\r\n", "not HTTP"),
    ],
    ids=["cut", "no last chunk", "no [DONE]", "refused", "not HTTP"],
)
async def test_a_stream_that_ends_early_is_an_error(response, error):
    async with serve_bytes(response) as port:
        load = StreamLoad(port, OPENAI, UNARY_MODEL, count=1)
        with pytest.raises(StreamFailedError, match=f"1 of 1 streams failed; the first: {error}"):
            await load.open(1)
            await load.wait_finished(timeout_s=10)
