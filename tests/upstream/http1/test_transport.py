"""What the transport promises, against a provider that misbehaves to order."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import BadAnswer, ConnectFailure, Disconnected, InvalidHeader, Silent, UpstreamFailure
from proxy.messages import Outgoing
from proxy.upstream.http1.incoming import Http1Incoming
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import (
    FIN,
    HALF,
    NOREAD,
    RECV,
    RST,
    STREAM,
    FaultServer,
    Script,
    answer,
    chunk,
    send,
    tell,
    wait,
)

OK = answer(b'{"ok":true}', headers="Content-Type: application/json\r\n")
END = chunk(b"")


def question(server: FaultServer, body: bytes = b'{"model":"m"}', **headers: str) -> Outgoing:
    return Outgoing(server.url(), {"Authorization": "Bearer sk-planted", **headers}, body)


async def ask(transport: Http1Transport, request: Outgoing) -> Http1Incoming:
    return await transport.send(request, connect_timeout=5)


async def whole(incoming: Http1Incoming) -> bytes:
    """The rest of the body."""
    parts = []
    while part := await incoming.read():
        parts.append(part)
    return b"".join(parts)


async def exchange(transport: Http1Transport, request: Outgoing) -> bytes:
    incoming = await ask(transport, request)
    try:
        return await whole(incoming)
    finally:
        incoming.close()


async def test_request_and_answer_arrive_as_sent(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK)]) as server:
        incoming = await ask(transport, question(server, **{"X-Team": "a"}))
        assert (incoming.status, incoming.headers["content-type"]) == (200, "application/json")
        assert await whole(incoming) == b'{"ok":true}'
    sent = server.requests[0]
    assert (sent.line, sent.body) == ("POST /v1/chat/completions HTTP/1.1", b'{"model":"m"}')
    assert sent.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "content-length": "13",
        "authorization": "Bearer sk-planted",
        "x-team": "a",
    }


async def test_a_finished_connection_is_used_again(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(OK), RECV, send(STREAM + chunk(b"x") + END), RECV, send(OK)]) as server:
        bodies = [await exchange(transport, question(server)) for _ in range(3)]
    assert bodies == [b'{"ok":true}', b"x", b'{"ok":true}']
    assert len(server.peers) == 1


async def test_a_stream_is_read_as_it_comes(transport: Http1Transport) -> None:
    more = asyncio.Event()
    async with FaultServer([RECV, send(STREAM + chunk(b"data: 1\n\n")), wait(more), send(chunk(b"data: 2\n\n") + END)]) as server:
        incoming = await ask(transport, question(server))
        first = await incoming.read()
        more.set()
        assert (first, await incoming.read(), await incoming.read()) == (b"data: 1\n\n", b"data: 2\n\n", b"")
