"""A connection's own rules: what it does when its peer does not take the request."""

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
from tests.upstream.http1.exchange import NO_TRUST, OK, exchange, question, rest


async def test_a_provider_that_stops_taking_the_request_is_given_up_on() -> None:
    transport = Http1Transport(Dialer(NO_TRUST), write_timeout_s=0.1)
    async with FaultServer([NOREAD], receive_buffer=4096) as server:
        with pytest.raises(UpstreamTimeout, match=r"^127\.0\.0\.1 took nothing of the request for 0\.1 s$"):
            await exchange(transport, question(server, bytes(32 * 2**20)))
    transport.close()


async def test_a_provider_that_takes_the_request_slowly_is_not() -> None:
    transport = Http1Transport(Dialer(NO_TRUST), write_timeout_s=0.4)

    async def sip(peer: Peer) -> None:
        for _ in range(12):
            await peer.reader.readexactly(2**20)
            await asyncio.sleep(0.05)

    async with FaultServer([sip, send(OK)], receive_buffer=4096) as server:
        assert await exchange(transport, question(server, bytes(12 * 2**20))) == b'{"ok":true}'
    transport.close()


async def test_a_sent_request_has_no_write_deadline() -> None:
    transport = Http1Transport(Dialer(NO_TRUST), write_timeout_s=0.02)
    go = asyncio.Event()
    async with FaultServer([RECV, wait_for(go), send(OK)]) as server:
        asked = asyncio.ensure_future(exchange(transport, question(server, bytes(2**20))))
        await asyncio.sleep(0.1)
        go.set()
        assert await asked == b'{"ok":true}'
    transport.close()


def test_quiet_is_seen_where_the_system_has_no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        readable = _readability_check(ours.fileno())
        assert not readable()
        theirs.send(b"x")
        assert readable()


class Nobody:
    """Keeps no connection."""

    forgotten = 0

    def release(self, connection: Connection) -> None:
        raise AssertionError

    def remove(self, connection: Connection) -> None:
        self.forgotten += 1


async def opened(server: FaultServer, keeper: Nobody) -> Connection:
    route = Proxies({}).route(parse_target(server.url()).origin)
    return await Dialer(NO_TRUST).dial(route, lambda: Connection("127.0.0.1", keeper, 30), 5)


async def test_a_closed_connection_answers_nothing() -> None:
    keeper = Nobody()
    async with FaultServer([RECV, send(OK)]) as server:
        connection = await opened(server, keeper)
        assert connection.is_usable
        connection.abort()
        assert not connection.is_usable
        with pytest.raises(UpstreamDisconnected):
            await connection.send_request(b"GET / HTTP/1.1\r\n\r\n", b"", 5).wait_head()
        await asyncio.wait_for(server.peers[0].closed.wait(), 5)
    assert keeper.forgotten == 1


async def test_one_resume_ends_any_number_of_pauses() -> None:
    async with FaultServer([RECV, send(http_response(headers="Connection: close\r\n"))]) as server:
        connection = await opened(server, Nobody())
        incoming = connection.send_request(b"GET / HTTP/1.1\r\n\r\n", b"", 5)
        connection.pause()
        connection.pause()
        connection.resume()
        await incoming.wait_head()
        assert await rest(incoming) == b"{}"
