"""Timeouts of a connection, in virtual time: silence, the response's deadline, and a stalled upload."""

from __future__ import annotations

import asyncio
import socket
from math import inf
from typing import Any

import pytest

from proxy.deadline_timer import INTERVAL_S, DeadlineTimer
from proxy.errors import ConnectError, UpstreamDisconnected, UpstreamTimeout
from proxy.messages import UpstreamRequest
from proxy.upstream.http1.connection import Connection
from proxy.upstream.http1.dial import Dialer
from proxy.upstream.http1.resolver import Address, Resolver
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.rehearsal import pause
from tests.faults.server import (
    CHUNKED_HEAD,
    FIN,
    NOREAD,
    RECV,
    FaultServer,
    Peer,
    http_chunk,
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
)
from tests.virtual_time import virtual_time

EVENT = b"data: 1\n\n"


def now() -> float:
    return asyncio.get_running_loop().time()


async def assert_times_out(response: CollectedResponse, due: float, message: str) -> None:
    """Assert that a response fails with that message once `due` has passed, and not before."""
    with pytest.raises(UpstreamTimeout, match=message):
        await read_rest(response)
    assert due <= now() <= due + 2 * INTERVAL_S


async def drip(peer: Peer) -> None:
    """Send a comment every second."""
    while True:
        await send(http_chunk(b": ping\n\n"))(peer)
        await asyncio.sleep(1)


@virtual_time
async def test_a_silent_connection_times_out() -> None:
    transport = Http1Transport(Dialer(NO_TRUST))
    async with FaultServer([RECV, send(CHUNKED_HEAD + http_chunk(EVENT))]) as server:
        response = await open_response(transport, build_request(server))
        response.transfer.set_timeouts(deadline=inf, idle_timeout_s=5)
        assert await response.read() == EVENT
        await assert_times_out(response, now() + 5, r"^127\.0\.0\.1 sent no data for 5 s$")
        await server.peers[0].closed.wait()


@virtual_time
async def test_a_connection_that_sends_something_in_time_is_not_silent() -> None:
    transport = Http1Transport(Dialer(NO_TRUST))
    async with FaultServer([RECV, send(CHUNKED_HEAD), drip]) as server:
        response = await open_response(transport, build_request(server))
        response.transfer.set_timeouts(deadline=now() + 60, idle_timeout_s=5)
        await assert_times_out(response, now() + 60, "did not complete its response in time")
        assert response.calls.count("body") >= 59


@virtual_time
async def test_a_head_that_does_not_come_times_out() -> None:
    transport = Http1Transport(Dialer(NO_TRUST))
    async with FaultServer([RECV]) as server:
        response = start_request(transport, build_request(server), response_timeout_s=40)
        await assert_times_out(response, now() + 40, r"^127\.0\.0\.1 did not respond in time$")
        await server.peers[0].closed.wait()
        assert response.calls == ["failure"]


@virtual_time
async def test_the_response_timeout_goes_on_after_the_head_until_it_is_changed() -> None:
    transport = Http1Transport(Dialer(NO_TRUST))
    async with FaultServer([RECV, send(CHUNKED_HEAD)]) as server:
        begun = now()
        response = await open_response(transport, build_request(server), response_timeout_s=10)
        await assert_times_out(response, begun + 10, "did not complete its response in time")
        response = await open_response(transport, build_request(server), response_timeout_s=10)
        response.transfer.set_timeouts(deadline=inf, idle_timeout_s=300)
        await assert_times_out(response, now() + 300, "sent no data for 300 s")


@virtual_time
async def test_connecting_takes_no_longer_than_the_response_may() -> None:
    async def slow(host: str, port: int) -> list[Address]:
        await asyncio.sleep(3600)
        return []

    transport = Http1Transport(Dialer(NO_TRUST, Resolver(slow)))
    request = UpstreamRequest("http://slow.test/", {}, b"{}")
    with pytest.raises(UpstreamTimeout, match=r"^slow\.test did not respond in time$"):
        await open_response(transport, request, connect_timeout_s=5, response_timeout_s=1)
    with pytest.raises(ConnectError, match=r"^cannot connect to slow\.test within 5 s$"):
        await open_response(transport, request, connect_timeout_s=5, response_timeout_s=8)


@virtual_time
async def test_a_complete_response_has_no_deadline() -> None:
    transport = Http1Transport(Dialer(NO_TRUST))
    async with FaultServer([RECV, send(OK), RECV, send(OK)]) as server:
        response = await open_response(transport, build_request(server), response_timeout_s=5)
        assert await read_rest(response) == b'{"ok":true}'
        await asyncio.sleep(10)
        assert response.calls == ["head", "body", "end"]
        assert await fetch(transport, build_request(server)) == b'{"ok":true}'
        assert len(server.peers) == 1
    transport.close()


@virtual_time
async def test_time_with_reading_paused_counts_neither_as_silence_nor_for_the_deadline() -> None:
    transport, go = Http1Transport(Dialer(NO_TRUST)), asyncio.Event()
    async with FaultServer(
        [RECV, send(CHUNKED_HEAD + http_chunk(EVENT)), wait_for(go), send(http_chunk(EVENT) + END)]
    ) as server:
        begun = now()
        response = await open_response(transport, build_request(server))
        response.transfer.set_timeouts(deadline=begun + 10, idle_timeout_s=5)
        response.transfer.pause()
        await asyncio.sleep(1000)
        assert response.failure is None
        response.transfer.resume()
        await asyncio.sleep(4)
        go.set()
        assert await read_rest(response) == EVENT * 2
    transport.close()


@virtual_time
async def test_after_a_pause_the_rest_of_the_deadline_is_left() -> None:
    transport = Http1Transport(Dialer(NO_TRUST))
    async with FaultServer([RECV, send(CHUNKED_HEAD), drip]) as server:
        begun = now()
        response = await open_response(transport, build_request(server))
        response.transfer.set_timeouts(deadline=begun + 10, idle_timeout_s=inf)
        await asyncio.sleep(4)
        response.transfer.pause()
        await asyncio.sleep(1000)
        response.transfer.resume()
        await assert_times_out(response, begun + 1010, "did not complete its response in time")


# Uploads.


@virtual_time
async def test_a_stalled_upload_times_out() -> None:
    transport = Http1Transport(Dialer(NO_TRUST), write_timeout_s=30)
    async with FaultServer([NOREAD], receive_buffer=4096) as server:
        with pytest.raises(UpstreamTimeout, match=r"^127\.0\.0\.1 accepted no request data for 30 s$"):
            await fetch(transport, build_request(server, bytes(32 * 2**20)))


class FakeSocketTransport:
    """A transport whose buffer is emptied by the test."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.buffered_bytes = 0
        self.is_aborted = False

    def get_extra_info(self, name: str) -> Any:
        assert name == "socket"
        return self._sock

    def write(self, data: bytes) -> None:
        self.buffered_bytes += len(data)

    def get_write_buffer_size(self) -> int:
        return self.buffered_bytes

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


def upload(size: int, write_timeout_s: float) -> tuple[FakeSocketTransport, CollectedResponse]:
    """Start to upload a body of that size over a fake socket."""
    with socket.socket() as sock:
        transport, response = FakeSocketTransport(sock), CollectedResponse()
        connection = Connection("provider.test", None, DeadlineTimer(), write_timeout_s)  # type: ignore[arg-type]
        connection.connection_made(transport)  # type: ignore[arg-type]
    connection.send_request(b"", bytes(size), response, inf)
    return transport, response


@virtual_time
async def test_a_slow_upload_does_not_time_out() -> None:
    socket_transport, response = upload(100_000, write_timeout_s=30)
    for _ in range(100):
        await asyncio.sleep(20)
        socket_transport.buffered_bytes -= 1000
        assert response.failure is None
    assert socket_transport.buffered_bytes == 0
    await asyncio.sleep(1000)
    assert response.failure is None


def test_an_upload_that_only_the_system_sees_progress_of_does_not_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = [900_000]  # the system takes no more before a good part of it has left
    monkeypatch.setattr("proxy.socket_state._system_queue", lambda descriptor: queue[0])

    @virtual_time
    async def run() -> None:
        socket_transport, response = upload(1_000_000, write_timeout_s=30)
        socket_transport.buffered_bytes -= queue[0]
        for _ in range(20):
            await asyncio.sleep(29)
            queue[0] -= 1000
        assert response.failure is None and socket_transport.buffered_bytes == 100_000
        await asyncio.sleep(61)
        assert isinstance(response.failure, UpstreamTimeout)

    run()


@virtual_time
async def test_an_upload_that_stops_half_way_times_out() -> None:
    socket_transport, response = upload(100_000, write_timeout_s=30)
    await asyncio.sleep(29)
    socket_transport.buffered_bytes -= 1000
    await assert_times_out(response, now() + 31, "accepted no request data for 30 s")
    assert socket_transport.is_aborted


@virtual_time
async def test_a_sent_request_has_no_write_deadline() -> None:
    transport, received, go = Http1Transport(Dialer(NO_TRUST), write_timeout_s=30), asyncio.Event(), asyncio.Event()
    async with FaultServer([RECV, set_event(received), wait_for(go), send(OK)]) as server:
        response = start_request(transport, build_request(server, bytes(2**20)))
        await received.wait()
        await asyncio.sleep(1000)
        go.set()
        assert await read_rest(response) == b'{"ok":true}'
    transport.close()


@virtual_time
async def test_a_request_is_not_resent_once_the_provider_may_have_begun_to_work_on_it() -> None:
    transport = Http1Transport(Dialer(NO_TRUST))
    async with FaultServer([RECV, send(OK), RECV, pause(0.3), FIN], [RECV, send(OK)]) as server:
        await fetch(transport, build_request(server))
        with pytest.raises(UpstreamDisconnected):
            await fetch(transport, build_request(server))
        assert [len(peer.requests) for peer in server.peers] == [2]
    transport.close()
