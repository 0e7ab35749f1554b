"""What a connection pushes into its sink, how it is paused and closed, and which timeouts it keeps."""

from __future__ import annotations

import asyncio
import errno
import os
from math import inf

import pytest

from proxy.deadline_timer import DeadlineTimer
from proxy.errors import EgressError, MalformedResponse, ResourceExhaustedError, UpstreamDisconnected
from proxy.messages import Headers
from proxy.upstream.http1 import local_errors
from proxy.upstream.http1.connection import Connection
from proxy.upstream.http1.dial import Dialer
from proxy.upstream.http1.origin import parse_target
from proxy.upstream.http1.proxies import Proxies
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import (
    CHUNKED_HEAD,
    FIN,
    HALF,
    RECV,
    RST,
    FaultServer,
    Op,
    Peer,
    http_chunk,
    http_response,
    send,
    set_event,
    wait_for,
)
from tests.upstream.http1.client import (
    END,
    NO_TRUST,
    OK,
    CollectedResponse,
    build_request,
    fetch,
    open_response,
    read_rest,
    start_request,
    turn_loop,
    wait_until,
)

EVENT = b"data: 1\n\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


async def test_a_stream_is_pushed_as_it_arrives(transport: Http1Transport) -> None:
    more = asyncio.Event()
    script = [RECV, send(CHUNKED_HEAD + http_chunk(EVENT)), wait_for(more), send(http_chunk(b"data: 2\n\n") + END)]
    async with FaultServer(script) as server:
        response = await open_response(transport, build_request(server))
        first = await response.read()
        more.set()
        assert (first, await response.read(), await response.read()) == (EVENT, b"data: 2\n\n", b"")
        assert response.calls == ["head", "body", "body", "end"]


async def test_what_arrives_together_is_pushed_together(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT) * 50 + END)]) as server:
        response = start_request(transport, build_request(server))
        await response.wait(lambda: response.is_over)
        assert (response.calls, response.parts) == (["head", "body", "end"], [EVENT * 50])


@pytest.mark.parametrize(
    ("sent", "end"),
    [
        (CHUNKED_HEAD + http_chunk(EVENT), FIN),
        (CHUNKED_HEAD + http_chunk(EVENT), HALF),
        (CHUNKED_HEAD + http_chunk(EVENT), RST),
        (CHUNKED_HEAD + http_chunk(EVENT) + b"5\r\nda", FIN),
        (CHUNKED_HEAD + http_chunk(EVENT) + b"0\r\n", FIN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + EVENT, FIN),
        (UNTIL_CLOSE + EVENT, RST),
    ],
    ids=[
        "chunked",
        "half-closed",
        "reset",
        "within a chunk",
        "within the last chunk",
        "length",
        "reset until close",
    ],
)
async def test_a_truncated_response_is_delivered_and_then_fails(
    transport: Http1Transport, sent: bytes, end: Op
) -> None:
    read = asyncio.Event()
    async with FaultServer([RECV, send(sent), wait_for(read), end]) as server:
        response = await open_response(transport, build_request(server))
        assert (await response.read()).startswith(EVENT)
        read.set()
        with pytest.raises(UpstreamDisconnected, match="in the middle of its response"):
            await read_rest(response)
        await turn_loop()
        assert response.calls.count("failure") == 1
        assert "end" not in response.calls


@pytest.mark.parametrize("end", [FIN, RST], ids=["fin", "rst"])
async def test_bytes_before_a_disconnect_are_delivered_before_the_failure(transport: Http1Transport, end: Op) -> None:
    read = asyncio.Event()
    script = [RECV, send(CHUNKED_HEAD + http_chunk(EVENT)), wait_for(read), end]
    async with FaultServer(script) as server:
        response = await open_response(transport, build_request(server))
        await response.wait(lambda: response.parts)
        read.set()
        await response.wait(lambda: response.is_over)
        assert response.calls == ["head", "body", "failure"]


async def test_bytes_before_an_invalid_chunk_are_delivered_before_the_failure(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT) + b"zz\r\n")]) as server:
        response = await open_response(transport, build_request(server))
        assert await response.read() == EVENT
        with pytest.raises(MalformedResponse, match="chunk size"):
            await response.read()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


@pytest.mark.parametrize("end", [FIN, HALF], ids=["closed", "half-closed"])
async def test_without_a_length_the_body_ends_with_the_connection(transport: Http1Transport, end: Op) -> None:
    async with FaultServer([RECV, send(UNTIL_CLOSE + EVENT), end]) as server:
        assert await fetch(transport, build_request(server)) == EVENT
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED_HEAD + http_chunk(b"data: " + b"x" * 2**21 + b"\n\n") + END,
        http_response(b"data: " + b"x" * 2**21 + b"\n\n"),
    ],
    ids=["chunked", "length"],
)
async def test_a_line_of_two_mebibytes_is_received(transport: Http1Transport, sent: bytes) -> None:
    async with FaultServer([RECV, send(sent), RECV, send(OK)]) as server:
        assert len(await fetch(transport, build_request(server))) == 2**21 + 8
        await fetch(transport, build_request(server))
        assert len(server.peers) == 1


async def test_a_response_received_byte_by_byte_is_the_same(transport: Http1Transport) -> None:
    wire = CHUNKED_HEAD + http_chunk("data: é\r\n\r\n".encode()) + http_chunk(EVENT) + END
    ops = [send(wire[at : at + 1]) for at in range(len(wire))]
    async with FaultServer([RECV, *ops, RECV, *ops]) as server:
        for _ in range(2):
            assert await fetch(transport, build_request(server)) == "data: é\r\n\r\n".encode() + EVENT
        assert len(server.peers) == 1


# A sink that stops the response from within its own methods.


class StoppingSink(CollectedResponse):
    """Aborts its transfer in one of its methods."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self._at = at

    def on_head(self, status: int, headers: Headers) -> None:
        super().on_head(status, headers)
        if self._at == "head":
            self.transfer.abort()

    def on_body(self, data: bytes) -> None:
        super().on_body(data)
        if self._at == "body":
            self.transfer.abort()


@pytest.mark.parametrize(("at", "calls"), [("head", ["head"]), ("body", ["head", "body"])])
async def test_a_sink_that_aborts_is_not_called_again(transport: Http1Transport, at: str, calls: list[str]) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT) + END)]) as server:
        response = start_request(transport, build_request(server), sink=StoppingSink(at))
        await response.wait(lambda: at in response.calls)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)
        assert response.calls == calls


async def test_a_request_from_within_the_end_of_a_response_uses_its_connection(transport: Http1Transport) -> None:
    class Repeating(CollectedResponse):
        def on_end(self) -> None:
            super().on_end()
            self.next = start_request(transport, request)

    async with FaultServer([RECV, send(OK), RECV, send(http_response(b"second"))]) as server:
        request = build_request(server)
        first = start_request(transport, request, sink=Repeating())
        await first.wait(lambda: first.is_complete)
        assert await read_rest(first.next) == b"second"
        assert len(server.peers) == 1


async def test_an_ended_response_has_no_hold_on_its_connection(transport: Http1Transport) -> None:
    go = asyncio.Event()
    async with FaultServer([RECV, send(OK), RECV, wait_for(go), send(http_response(b"second"))]) as server:
        first = await open_response(transport, build_request(server))
        assert await read_rest(first) == b'{"ok":true}'
        second = start_request(transport, build_request(server))
        first.transfer.set_timeouts(deadline=0, idle_timeout_s=0)
        first.transfer.pause()
        first.transfer.resume()
        first.transfer.abort()
        go.set()
        assert await read_rest(second) == b"second"
        assert len(server.peers) == 1


# Pausing.


async def test_nothing_is_pushed_while_reading_is_paused(transport: Http1Transport) -> None:
    go, gone = asyncio.Event(), asyncio.Event()
    script = [
        RECV, send(CHUNKED_HEAD + http_chunk(EVENT)), wait_for(go), send(http_chunk(EVENT) + END), set_event(gone),
    ]  # fmt: skip
    async with FaultServer(script) as server:
        response = await open_response(transport, build_request(server))
        assert await response.read() == EVENT
        response.transfer.pause()
        go.set()
        await gone.wait()
        await turn_loop()
        assert response.calls == ["head", "body"]
        response.transfer.resume()
        assert await read_rest(response) == EVENT


async def test_a_paused_response_stops_the_provider(transport: Http1Transport) -> None:
    total = 400

    async def flood(peer: Peer) -> None:
        for _ in range(total):
            peer.writer.write(http_chunk(b"x" * 65536))
            await peer.writer.drain()

    async with FaultServer([RECV, send(CHUNKED_HEAD), flood, send(END), RECV, send(OK)]) as server:
        response = await open_response(transport, build_request(server))
        response.transfer.pause()
        written = server.peers[0].writer.transport
        await wait_until(lambda: written.get_write_buffer_size() > 65536)
        before = response.received_bytes
        await turn_loop(100)
        assert response.received_bytes == before < total * 65536
        response.transfer.resume()
        await response.wait(lambda: response.is_over)
        assert response.received_bytes == total * 65536
        await fetch(transport, build_request(server))
        assert len(server.peers) == 1


async def test_pauses_do_not_nest(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(http_response(headers="Connection: close\r\n"))]) as server:
        response = start_request(transport, build_request(server))
        await wait_until(lambda: bool(server.requests))
        response.transfer.pause()
        response.transfer.pause()
        response.transfer.resume()
        assert await read_rest(response) == b"{}"


async def test_an_aborted_paused_response_closes_its_connection(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT))]) as server:
        response = await open_response(transport, build_request(server))
        response.transfer.pause()
        response.transfer.abort()
        response.transfer.resume()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


# Closing.


async def test_aborting_an_incomplete_response_closes_its_connection(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT))]) as server:
        response = await open_response(transport, build_request(server))
        assert await response.read() == EVENT
        response.transfer.abort()
        response.transfer.abort()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)
        assert response.calls == ["head", "body"]


class Owner:
    """Counts removed connections; none may be released."""

    removed = 0

    def release(self, connection: Connection) -> None:
        raise AssertionError

    def remove(self, connection: Connection) -> None:
        self.removed += 1


async def test_a_closed_connection_fails_requests_later() -> None:
    owner, response = Owner(), CollectedResponse()
    async with FaultServer([RECV, send(OK)]) as server:
        route = Proxies({}).route(parse_target(server.url()).origin)
        connection = await Dialer(NO_TRUST).dial(route, lambda: Connection("127.0.0.1", owner, DeadlineTimer(), 30), 5)
        assert connection.is_usable
        connection.abort()
        assert not connection.is_usable
        connection.send_request(b"GET / HTTP/1.1\r\n\r\n", b"", response, inf)
        assert response.calls == []
        with pytest.raises(UpstreamDisconnected, match="before responding"):
            await response.read()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)
    assert owner.removed == 1


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOBUFS, ResourceExhaustedError), (errno.ENETUNREACH, EgressError)]
)
async def test_a_connection_that_this_machine_loses_is_not_the_providers_fault(
    transport: Http1Transport, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    monkeypatch.setattr(local_errors, "has_route", lambda address: False)
    async with FaultServer([RECV]) as server:
        response = start_request(transport, build_request(server))
        await wait_until(lambda: bool(server.requests))
        connection = response.transfer._connection  # type: ignore[attr-defined]
        connection.connection_lost(OSError(number, os.strerror(number)))
        assert type(response.failure) is kind
