"""Reading a response: all received bytes are delivered before an error is raised."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import MalformedResponse, UpstreamDisconnected, UpstreamTimeout
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
from tests.upstream.http1.client import END, OK, build_request, cancel_on, fetch, open_response, read_rest, wait_until

EVENT = b"data: 1\n\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


async def test_a_stream_is_read_as_it_arrives(transport: Http1Transport) -> None:
    more = asyncio.Event()
    script = [RECV, send(CHUNKED_HEAD + http_chunk(EVENT)), wait_for(more), send(http_chunk(b"data: 2\n\n") + END)]
    async with FaultServer(script) as server:
        response = await open_response(transport, build_request(server))
        first = await response.read()
        more.set()
        assert (first, await response.read(), await response.read()) == (EVENT, b"data: 2\n\n", b"")


async def test_all_received_bytes_are_read_at_once(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT) * 50 + END)]) as server:
        response = await open_response(transport, build_request(server))
        await wait_until(lambda: response._source is None)
        assert await response.read() == EVENT * 50


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
        with pytest.raises(UpstreamDisconnected):
            await response.read()


@pytest.mark.parametrize("end", [FIN, RST], ids=["fin", "rst"])
async def test_bytes_before_a_disconnect_are_read_after_it(transport: Http1Transport, end: Op) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT)), end]) as server:
        response = await open_response(transport, build_request(server))
        await wait_until(lambda: response._failure is not None)
        assert await response.read() == EVENT
        with pytest.raises(UpstreamDisconnected):
            await response.read()


async def test_bytes_before_an_invalid_chunk_are_read_first(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT) + b"zz\r\n")]) as server:
        response = await open_response(transport, build_request(server))
        assert await response.read() == EVENT
        with pytest.raises(MalformedResponse, match="chunk size"):
            await response.read()


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


async def test_a_read_may_be_cancelled_and_called_again(transport: Http1Transport) -> None:
    waiting, more = asyncio.Event(), asyncio.Event()
    async with FaultServer(
        [RECV, send(CHUNKED_HEAD), set_event(waiting), wait_for(more), send(http_chunk(EVENT) + END)]
    ) as server:
        response = await open_response(transport, build_request(server))
        await cancel_on(response.read(), waiting)
        more.set()
        assert await read_rest(response) == EVENT


async def test_closing_an_incomplete_response_closes_its_connection(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT))]) as server:
        response = await open_response(transport, build_request(server))
        await response.read()
        reading = asyncio.ensure_future(response.read())
        await asyncio.sleep(0)
        response.close()
        response.close()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)
        with pytest.raises(UpstreamDisconnected):
            await reading


async def test_a_slow_reader_applies_backpressure(transport: Http1Transport) -> None:
    progress: list[int] = []

    async def flood(peer: Peer) -> None:
        for _ in range(400):
            peer.writer.write(http_chunk(b"x" * 65536))
            await peer.writer.drain()
            progress.append(1)

    async with FaultServer([RECV, send(CHUNKED_HEAD), flood, send(END), RECV, send(OK)]) as server:
        response = await open_response(transport, build_request(server))
        await wait_until(lambda: response._buffered_bytes > 512 * 1024)
        before = -1
        while before != len(progress):
            before = len(progress)
            await asyncio.sleep(0.05)
        assert response._buffered_bytes < 1024 * 1024
        assert len(progress) < 400
        assert len(await read_rest(response)) == 400 * 65536
        await fetch(transport, build_request(server))
        assert len(server.peers) == 1


async def test_a_silent_connection_times_out(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT))]) as server:
        response = await open_response(transport, build_request(server))
        response.idle_timeout_s = 0.05
        assert await response.read() == EVENT
        with pytest.raises(UpstreamTimeout, match=r"127\.0\.0\.1 sent no data for 0\.05 s"):
            await response.read()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_the_deadline_passes_while_bytes_arrive(transport: Http1Transport) -> None:
    async def drip(peer: Peer) -> None:
        while True:
            peer.writer.write(http_chunk(b": ping\n\n"))
            await peer.writer.drain()
            await asyncio.sleep(0.005)

    async with FaultServer([RECV, send(CHUNKED_HEAD), drip]) as server:
        response = await open_response(transport, build_request(server))
        response.idle_timeout_s = 30
        response.deadline = asyncio.get_running_loop().time() + 0.05
        with pytest.raises(UpstreamTimeout, match="did not complete its response in time"):
            await read_rest(response)


async def test_a_complete_response_has_no_deadline(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        response = await open_response(transport, build_request(server))
        response.idle_timeout_s = response.deadline = 0.0
        assert (response.idle_timeout_s, response.deadline) == (0.0, 0.0)
        assert await read_rest(response) == b'{"ok":true}'


async def test_waiting_for_the_head_times_out(transport: Http1Transport) -> None:
    async with FaultServer([RECV]) as server:
        with pytest.raises(UpstreamTimeout, match="did not respond in time"):
            await transport.send(build_request(server), connect_timeout_s=5, response_timeout_s=0.05)
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)


async def test_the_head_timeout_ends_with_the_head(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(CHUNKED_HEAD)]) as server:
        response = await transport.send(build_request(server), connect_timeout_s=5, response_timeout_s=1)
        assert response.deadline == float("inf")
        response.close()


async def test_time_with_reading_paused_is_not_idle_time(transport: Http1Transport) -> None:
    big = b"x" * 2**20
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(big) * 8 + END)]) as server:
        response = await open_response(transport, build_request(server))
        response.idle_timeout_s = 0.05
        response.deadline = asyncio.get_running_loop().time() + 0.1
        await wait_until(lambda: response._buffered_bytes > 512 * 1024)
        await asyncio.sleep(0.2)
        assert len(await read_rest(response)) == 8 * len(big)
