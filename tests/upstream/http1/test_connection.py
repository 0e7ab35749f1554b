"""A connection's write deadline, pausing and closing."""

from __future__ import annotations

import asyncio
import select
import socket

import pytest

from proxy.errors import UpstreamDisconnected, UpstreamTimeout
from proxy.upstream.http1.connection import Connection, _readability_check
from proxy.upstream.http1.dial import Dialer
from proxy.upstream.http1.origin import parse_target
from proxy.upstream.http1.proxies import Proxies
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import NOREAD, RECV, FaultServer, Peer, http_response, send, wait_for
from tests.upstream.http1.client import NO_TRUST, OK, build_request, fetch, read_rest


async def test_a_stalled_upload_times_out() -> None:
    transport = Http1Transport(Dialer(NO_TRUST), write_timeout_s=0.1)
    async with FaultServer([NOREAD], receive_buffer=4096) as server:
        with pytest.raises(UpstreamTimeout, match=r"^127\.0\.0\.1 accepted no request data for 0\.1 s$"):
            await fetch(transport, build_request(server, bytes(32 * 2**20)))
    transport.close()


async def test_a_slow_upload_does_not_time_out() -> None:
    transport = Http1Transport(Dialer(NO_TRUST), write_timeout_s=0.4)

    async def sip(peer: Peer) -> None:
        for _ in range(12):
            await peer.reader.readexactly(2**20)
            await asyncio.sleep(0.05)

    async with FaultServer([sip, send(OK)], receive_buffer=4096) as server:
        assert await fetch(transport, build_request(server, bytes(12 * 2**20))) == b'{"ok":true}'
    transport.close()


async def test_a_sent_request_has_no_write_deadline() -> None:
    transport = Http1Transport(Dialer(NO_TRUST), write_timeout_s=0.02)
    go = asyncio.Event()
    async with FaultServer([RECV, wait_for(go), send(OK)]) as server:
        fetching = asyncio.ensure_future(fetch(transport, build_request(server, bytes(2**20))))
        await asyncio.sleep(0.1)
        go.set()
        assert await fetching == b'{"ok":true}'
    transport.close()


def test_readability_is_checked_without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        readable = _readability_check(ours.fileno())
        assert not readable()
        theirs.send(b"x")
        assert readable()


class Owner:
    """Counts removed connections; none may be released."""

    removed = 0

    def release(self, connection: Connection) -> None:
        raise AssertionError

    def remove(self, connection: Connection) -> None:
        self.removed += 1


async def connect(server: FaultServer, owner: Owner) -> Connection:
    route = Proxies({}).route(parse_target(server.url()).origin)
    return await Dialer(NO_TRUST).dial(route, lambda: Connection("127.0.0.1", owner, 30), 5)


async def test_a_closed_connection_fails_requests() -> None:
    owner = Owner()
    async with FaultServer([RECV, send(OK)]) as server:
        connection = await connect(server, owner)
        assert connection.is_usable
        connection.abort()
        assert not connection.is_usable
        with pytest.raises(UpstreamDisconnected):
            await connection.send_request(b"GET / HTTP/1.1\r\n\r\n", b"", 5).wait_head()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)
    assert owner.removed == 1


async def test_pauses_do_not_nest() -> None:
    async with FaultServer([RECV, send(http_response(headers="Connection: close\r\n"))]) as server:
        connection = await connect(server, Owner())
        response = connection.send_request(b"GET / HTTP/1.1\r\n\r\n", b"", 5)
        connection.pause()
        connection.pause()
        connection.resume()
        await response.wait_head()
        assert await read_rest(response) == b"{}"
