"""A caller's connection serves its requests one after the other, whatever the cuts in which they arrive."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.downstream.body_deadline import BODY_TIMEOUT_S, LINGER_S, MIN_BODY_RATE
from proxy.downstream.client_connection import KEEP_ALIVE_S
from proxy.runtime import Load
from tests.callers import ASK, STREAM, Caller, chunked, post, world
from tests.cuts import split_at
from tests.fakes import BODY, END, FOREVER, RESPONSE_BODY, chunk_event, generation, routing_yaml, settle
from tests.virtual_time import VirtualTimeLoop, virtual_time

TEXT, FINISH, DONE = chunk_event("text"), chunk_event(finish="stop"), b"data: [DONE]\n\n"


def error(caller: Caller) -> tuple[int, str]:
    """Return status and code of the only response."""
    [(status, _, body)] = caller.responses
    return status, orjson.loads(body)["error"]["code"]


# How requests arrive.

REQUESTS = {
    "length": post(),
    "chunks": chunked(ASK[:20], ASK[20:21], ASK[21:]),
    "chunks with extensions and trailers": chunked(ASK, end=b"0;a=b\r\nX-Trailer: 1\r\n\r\n"),
    "two requests": post() + post(),
    "a request with a body that is not read, and another": post(b"x" * 100, path="/unknown") + post(),
}


@given(name=st.sampled_from(list(REQUESTS)), places=st.lists(st.integers(0, 1000), max_size=6))
def test_requests_are_the_same_in_any_cuts(name: str, places: list[int]) -> None:
    async def run() -> None:
        here = world(200, 200)
        caller = here.connect()
        for part in split_at(REQUESTS[name], places):
            caller.send(part)
            await settle(3)
        await settle()
        expected = [404, 200] if "not read" in name else [200] * (2 if name == "two requests" else 1)
        assert caller.statuses == expected
        assert {orjson.loads(sent.body)["messages"] == BODY["messages"] for sent in here.transport.sent} == {True}
        assert not caller.is_closed

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())


async def test_every_cut_of_a_chunked_request_is_the_same_request() -> None:
    data = REQUESTS["chunks"]
    for at in range(1, len(data)):
        here = world(200)
        caller = here.connect()
        caller.send(data[:at], data[at:])
        await settle()
        assert caller.statuses == [200]


async def test_pipelined_requests_are_answered_in_order_each_after_the_one_before() -> None:
    here = world(FOREVER, 200)
    caller = here.connect()
    caller.send(post() + post(b"", path="/unknown") + post(ASK, "Connection: close"), post())
    await settle()
    assert len(here.transport.sent) == 1 and caller.responses == []
    here.transport.transfers[0].push((200, {}), RESPONSE_BODY, END)
    await settle()
    assert caller.statuses == [200, 404, 200]
    assert caller.has_ended and len(here.transport.sent) == 2  # nothing follows `Connection: close`


async def test_more_requests_than_are_kept_pause_reading_and_lose_nothing() -> None:
    here = world(FOREVER, *[200] * 99)
    caller = here.connect()
    caller.send(post() * 100)
    assert not caller.socket.is_reading()
    here.transport.transfers[0].push((200, {}), RESPONSE_BODY, END)
    await settle(1000)
    assert caller.statuses == [200] * 100 and caller.socket.is_reading()


async def test_a_connection_serves_any_number_of_requests_one_after_the_other() -> None:
    here = world(*[200] * 100)
    caller = here.connect()
    for _ in range(100):
        caller.send(post())
        await settle()
    assert caller.statuses == [200] * 100


@pytest.mark.parametrize(
    ("headers", "version", "continues"),
    [
        (["Expect: 100-continue"], "1.1", True),
        (["Expect: 100-Continue"], "1.1", True),
        (["Expect: 100-continue"], "1.0", False),
        ([], "1.1", False),
    ],
)
async def test_100_continue_is_sent_before_a_body_that_is_to_come(
    headers: list[str], version: str, continues: bool
) -> None:
    here = world(200)
    caller = here.connect()
    request = post(ASK, *headers, version=version)
    caller.send(request[: -len(ASK)])
    assert bytes(caller.socket.sent) == (b"HTTP/1.1 100 Continue\r\n\r\n" if continues else b"")
    caller.send(ASK)
    await settle()
    assert caller.statuses == [*([100] if continues else []), 200]


async def test_100_continue_is_not_sent_where_the_body_is_here_or_refused() -> None:
    here = world(200)
    caller = here.connect()
    caller.send(post(ASK, "Expect: 100-continue"))
    await settle()
    caller.send(post(b"x" * 100, "Expect: 100-continue", path="/unknown")[:-100])
    await settle()
    assert caller.statuses == [200, 404]


# Bodies that do not come.


@virtual_time
async def test_a_caller_that_stops_within_its_body_gets_a_408_and_a_closed_connection() -> None:
    here = world(200)
    caller = here.connect()
    request = post()
    for part in (request[:-20], request[-20:-10], request[-10:-5]):
        caller.send(part)
        await asyncio.sleep(9)
        assert caller.responses == []
    await asyncio.sleep(BODY_TIMEOUT_S)
    assert error(caller) == (408, "request_timeout")
    assert [(line["event"], line["status"], line["outcome"]) for line in here.log.lines] == [
        ("request_completed", 408, "request_timeout")
    ]
    assert dict(here.handler.runtime.telemetry.counters.requests) == {("chat", "408", "error"): 1}
    assert caller.responses[0][1]["connection"] == "close" and caller.socket.has_written_eof
    assert here.handler.active == 0 and here.transport.sent == []
    await asyncio.sleep(LINGER_S + 1)
    assert caller.is_closed
    await settle()
    assert here.watched == set()


@pytest.mark.parametrize("burst", [0, 1_000_000])
@virtual_time
async def test_a_body_that_trickles_gets_a_408_although_it_never_pauses_for_long(burst: int) -> None:
    here = world(200)
    caller = here.connect()
    body = b"x" * (burst + 100)
    caller.send(post(body)[:-100])
    for byte in body[-5:]:
        caller.send(bytes([byte]))
        await asyncio.sleep(BODY_TIMEOUT_S - 5)
    assert error(caller) == (408, "request_timeout")
    assert "less than 1000 bytes per second" in caller.responses[0][2].decode()
    assert here.handler.active == 0 and here.transport.sent == [] and caller.is_closed


@virtual_time
async def test_a_large_body_over_a_slow_link_is_served() -> None:
    here = world(200)
    caller = here.connect()
    body = orjson.dumps({**BODY, "messages": [{"role": "user", "content": "x" * 4_000_000}]})
    caller.send(post(body)[: -len(body)])
    step_s = BODY_TIMEOUT_S - 5
    size = int(step_s * MIN_BODY_RATE * 1.1)
    for at in range(0, len(body), size):
        caller.send(body[at : at + size])
        await asyncio.sleep(step_s)
    await settle()
    assert caller.statuses == [200] and len(here.transport.sent[0].body) > 4_000_000


@virtual_time
async def test_bodies_that_are_still_arriving_take_no_slot() -> None:
    limited = "[access_log, header_policy, {limits: {max_inflight: 2}}, strategy, sse_passthrough, failover, translate]"
    here = world(FOREVER, FOREVER, built=generation(routing_yaml(limited)))
    slow = [here.connect() for _ in range(100)]
    for each in slow:
        each.send(post()[:-1])
    fast = [here.connect() for _ in range(2)]
    for each in fast:
        each.send(post())
    await settle()
    assert len(here.transport.sent) == here.handler.runtime.load.requests == 2
    slow[0].send(post()[-1:])  # complete now, but there is no slot
    assert error(slow[0]) == (503, "sidecar_overloaded")
    assert here.handler.runtime.load.requests == 2
    refused = here.connect()
    refused.send(post()[:-1])  # refused before it sends its body
    assert error(refused) == (503, "sidecar_overloaded")
    here.transport.transfers[0].push((200, {}), RESPONSE_BODY, END)
    await settle()
    assert fast[0].statuses == [200] and here.handler.runtime.load.requests == 1
    for each in slow[1:]:
        each.disconnect()
    fast[1].disconnect()
    assert here.handler.runtime.load == Load()


@pytest.mark.parametrize(
    "broken", [b"zz\r\n", b"-1\r\n", b"5\r\nabcdefgh\r\n", b"5\r\nabcde0\r\n\r\n", b"\x00\r\n", b"5 5\r\n"]
)
async def test_broken_chunks_are_one_400_and_a_closed_connection(broken: bytes) -> None:
    here = world(200, 200)
    caller = here.connect()
    caller.send(chunked(ASK[:5], end=b""), broken, post())
    await settle()
    assert error(caller) == (400, "invalid_request")
    assert caller.has_ended and here.transport.sent == [] and here.handler.active == 0


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1 HTTP/1.1\r\nAuthorization Bearer sk-SECRET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n00",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\n00000",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: SECRET\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX : SECRET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: SECRET\r\nHost: localhost\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: SECRET\r\n\r\n",
        b"GET SECRET HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"SECRET\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_400_without_an_echo(junk: bytes) -> None:
    here = world()
    caller = here.connect()
    caller.send(junk)
    await settle()
    assert error(caller) == (400, "invalid_request")
    assert b"SECRET" not in caller.socket.sent and "SECRET" not in here.log.text
    [line] = here.log.lines
    assert (line["event"], line["status"], line["code"]) == ("request_refused", 400, "invalid_request")
    assert caller.has_ended


async def test_requests_before_the_junk_are_answered() -> None:
    here = world(200)
    caller = here.connect()
    caller.send(post(), b"junk\r\n\r\n" + post())
    await settle()
    assert caller.statuses == [200, 400] and caller.has_ended


# How long a connection stays.


@pytest.mark.parametrize(
    ("version", "headers", "connection", "stays"),
    [
        ("1.1", [], None, True),
        ("1.1", ["Connection: close"], "close", False),
        ("1.0", [], None, False),
        ("1.0", ["Connection: keep-alive"], "keep-alive", True),
        ("1.1", ["Connection: upgrade", "Upgrade: h2c"], "close", False),  # what follows cannot be parsed
    ],
)
async def test_a_connection_stays_as_its_version_and_caller_say(
    version: str, headers: list[str], connection: str | None, stays: bool
) -> None:
    here = world(200, 200)
    caller = here.connect()
    for _ in range(2):
        caller.send(post(ASK, *headers, version=version))
        await settle()
    assert caller.statuses == [200] * (2 if stays else 1)
    assert {each[1].get("connection") for each in caller.responses} == {connection}
    assert caller.is_closed is not stays
    assert bytes(caller.socket.sent).startswith(f"HTTP/{version} 200 OK\r\n".encode())


async def test_http_1_0_has_no_chunked_requests() -> None:
    here = world(200)
    caller = here.connect()
    caller.send(chunked(ASK).replace(b"HTTP/1.1", b"HTTP/1.0"))
    await settle()
    assert error(caller) == (400, "invalid_request") and caller.is_closed and here.transport.sent == []


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_stream_is_chunked_only_in_http_1_1(version: str) -> None:
    here = world([TEXT, FINISH, DONE])
    caller = here.connect()
    caller.send(post(STREAM, "Connection: keep-alive", version=version))
    await settle()
    [(status, headers, body)] = caller.responses
    assert status == 200 and body.startswith(b"data: ") and body.endswith(DONE)
    assert ("transfer-encoding" in headers, caller.is_closed) == ((True, False) if version == "1.1" else (False, True))


async def test_a_response_to_head_has_no_body() -> None:
    here = world()
    caller = here.connect()
    caller.send(b"HEAD /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await settle()
    assert caller.socket.sent.endswith(b"\r\n\r\n") and b"405 Method Not Allowed" in caller.socket.sent
    assert b"Content-Length: 0" not in caller.socket.sent


@pytest.mark.parametrize("sent", [b"", b"POST /v1/chat", post(ASK)[:60], post()])
@virtual_time
async def test_an_idle_connection_is_closed(sent: bytes) -> None:
    here = world(200)
    caller = here.connect()
    caller.send(sent)
    await asyncio.sleep(KEEP_ALIVE_S - 1)
    assert not caller.is_closed
    await asyncio.sleep(2)
    assert caller.is_closed
    await settle()
    assert here.watched == set() and here.listener.connections == []


@virtual_time
async def test_a_request_in_progress_is_not_idle() -> None:
    here = world([TEXT, FOREVER])
    caller = here.connect()
    caller.send(post(STREAM))
    await asyncio.sleep(KEEP_ALIVE_S * 2)
    assert not caller.is_closed and caller.socket.sent.count(b": ping") == 10


async def test_while_it_drains_a_connection_ends_with_its_response() -> None:
    here = world(200, [TEXT, FINISH])
    for body in (ASK, STREAM):
        caller = here.connect()
        here.handler.drain()
        caller.send(post(body))
        await settle()
        assert caller.responses[0][1]["connection"] == "close" and caller.is_closed


# Bodies that nobody reads.


@virtual_time
async def test_the_rest_of_an_unread_body_is_dropped_and_the_next_request_served() -> None:
    here = world(200)
    caller = here.connect()
    request = post(b"x" * 1000, path="/unknown")
    caller.send(request[:-900])
    assert caller.statuses == [404] and not caller.socket.has_written_eof
    await asyncio.sleep(LINGER_S - 1)
    caller.send(request[-900:] + post())
    await settle()
    assert caller.statuses == [404, 200] and not caller.is_closed


@virtual_time
async def test_a_body_that_does_not_end_after_its_response_ends_the_connection() -> None:
    here = world()
    caller = here.connect()
    caller.send(post(b"x" * 1000, path="/unknown")[:-900])
    await asyncio.sleep(LINGER_S + 1)
    assert caller.is_closed
    await settle()
    assert here.watched == set()


@pytest.mark.parametrize("request_data", [post(b"x" * 2000), chunked(b"x" * 600, b"x" * 600, b"x" * 600)])
@virtual_time
async def test_a_body_over_the_limit_is_a_413_that_the_caller_can_read(request_data: bytes) -> None:
    limited = "[header_policy, {limits: {max_body: 1KiB}}, strategy, sse_passthrough, failover, translate]"
    here = world(built=generation(routing_yaml(limited)))
    caller = here.connect()
    caller.send(request_data[:700], request_data[700:1400])
    assert error(caller) == (413, "request_too_large")
    assert caller.responses[0][1]["connection"] == "close"
    assert caller.socket.has_written_eof and not caller.is_closed  # closed now, it might be lost in a reset
    caller.send(request_data[1400:], post())
    await settle()
    assert caller.is_closed and len(caller.responses) == 1 and here.handler.runtime.load.buffered_bytes == 0
