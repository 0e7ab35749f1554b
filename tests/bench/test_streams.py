from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from bench.payloads import CONTENT_EVENT, FIRST_EVENT, LAST_EVENTS
from bench.streams import EventCounter, StreamFailedError, StreamLoad
from bench.upstream import serve

WHOLE = b"".join([FIRST_EVENT, b": ping\n\n", CONTENT_EVENT, *LAST_EVENTS])
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, len(WHOLE)])
def test_events_are_counted_alike_whatever_the_cuts_and_comments_are_none(size):
    counter = EventCounter()
    new = [counter.feed(WHOLE[start : start + size]) for start in range(0, len(WHOLE), size)]
    assert (sum(new), counter.events, counter.done) == (5, 5, True)


@pytest.mark.parametrize("missing", [1, 2, len(LAST_EVENTS[-1])])
def test_a_stream_is_done_only_after_the_whole_of_its_last_event(missing):
    counter = EventCounter()
    counter.feed(WHOLE[:-missing])
    assert not counter.done


async def test_the_simulated_provider_sends_what_the_models_name_asks_for():
    async with await serve(0) as server:
        load = StreamLoad(server.sockets[0].getsockname()[1], rate=1000, count=5)
        await load.open(3)
        await load.wait_finished(timeout_s=10)
    assert load.events == 3 * (1 + 5 + 3)


@asynccontextmanager
async def answering(answer: bytes):
    """A provider that sends the same bytes to everybody and hangs up."""

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(answer_all, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "answer, fault",
    [
        (HEAD + chunk(FIRST_EVENT), "cut after 1 events"),
        (HEAD + chunk(WHOLE), "cut after 5 events"),
        (HEAD + chunk(FIRST_EVENT) + b"0\r\n\r\n", r"ended without \[DONE\] after 1 events"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy", "503 b'busy'"),
        (b"nonsense\r\n\r\n", "not HTTP"),
    ],
    ids=["cut", "no last chunk", "no [DONE]", "refused", "not HTTP"],
)
async def test_a_stream_that_ends_wrongly_is_an_error(answer, fault):
    async with answering(answer) as port:
        load = StreamLoad(port, rate=1, count=1)
        with pytest.raises(StreamFailedError, match=f"1 of 1 streams failed; the first: {fault}"):
            await load.open(1)
            await load.wait_finished(timeout_s=10)
