"""A client that does not read makes the sidecar stop reading: its requests, and from the provider of its stream."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from proxy.exchange import Exchange
from proxy.messages import Response
from tests.fakes import chunk_event
from tests.faults.rehearsal import rehearsal, routing_yaml
from tests.faults.server import CHUNKED_HEAD, RECV, Peer, http_chunk, send
from tests.running import HELLO, RunningSidecar

OFFERED_BYTES = 400_000
"""Total bytes of the responses to the requests of one connection."""
MAX_BYTES_IN_TRANSIT = 200_000
"""Maximum bytes in transit: 64 KiB in the transport, one response, and the kernel's buffers on both sides."""
KERNEL_BUFFER_BYTES = 16 * 1024
"""Size of each kernel buffer; Linux doubles it."""


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    fields = {"Host": "localhost", **headers}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


CHAT = json.dumps({"model": "m", "messages": HELLO}).encode()
REQUESTS = {
    "chat": request("POST", "/v1/chat/completions", CHAT),
    "expect": request("POST", "/v1/chat/completions", b"{", Expect="100-continue"),
    "bad body": request("POST", "/v1/chat/completions", b"["),
    "rejected host": request("GET", "/v1/models", Host="evil.test"),
    "unknown path": request("GET", "/nothing"),
    "head": request("HEAD", "/v1/models"),
    "local endpoint": request("GET", "/v1/providers/health"),
    "page": request("GET", "/dashboard/icon.svg"),
}
ADMIN_REQUESTS = {
    "probe": request("GET", "/healthz"),
    "metrics": request("GET", "/metrics"),
    "config": request("GET", "/admin/config"),
    "rejected host": request("GET", "/admin/config", Host="evil.test"),
    "unknown path": request("GET", "/nothing"),
}


@asynccontextmanager
async def connection(server: asyncio.Server) -> Any:
    """Open a connection with small kernel buffers on both sides."""
    listening = server.sockets[0]
    client = socket.socket()
    for side in (listening, client):  # accepted sockets inherit it
        side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)
        side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER_BYTES)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, listening.getsockname())
    reader, writer = await asyncio.open_connection(sock=client, limit=1024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def settle(server: asyncio.Server, progress: Callable[[int], int]) -> int:
    """Return the value of `progress` when it does not change while another client is served twenty times.

    Its argument is the number of requests of that other client so far.
    """
    before, others = -1, 0
    async with connection(server) as (reader, writer):
        while before != (before := progress(others)):
            for _ in range(20):
                writer.write(request("GET", "/nothing"))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            others += 20
    return before


async def flood(server: asyncio.Server, listener: Any, sent: bytes) -> None:
    last = sent.replace(b"\r\nHost:", b"\r\nConnection: close\r\nHost:", 1)
    async with connection(server) as (reader, writer):
        writer.write(last)
        size = len(await reader.read())
    count = OFFERED_BYTES // size
    async with connection(server) as (reader, writer):
        before = listener.requests_count
        writer.write(sent * (count - 1) + last)
        handled = await settle(server, lambda others: listener.requests_count - before - others)
        assert handled * size < MAX_BYTES_IN_TRANSIT
        received = await reader.read()  # the waiting requests are answered as well
        assert received.count(b"HTTP/1.1 ") - received.count(b"HTTP/1.1 100 ") == count


@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_client_that_does_not_read_has_a_bounded_number_of_responses(
    two_providers: RunningSidecar, kind: str
) -> None:
    await flood(two_providers.sidecar.server, two_providers.sidecar.listener, REQUESTS[kind])


@pytest.mark.parametrize("kind", ADMIN_REQUESTS)
async def test_the_admin_listener_has_the_same_bound(two_providers: RunningSidecar, kind: str) -> None:
    await flood(two_providers.sidecar.admin_server, two_providers.sidecar.admin_listener, ADMIN_REQUESTS[kind])


async def test_a_websocket_is_not_read_while_its_client_does_not_read(two_providers: RunningSidecar) -> None:
    upgrade = request(
        "GET", "/v1/providers/health/stream",
        Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Version="13", Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip
    ping = b"\x89\xe4" + bytes(104)  # 100 bytes, to be echoed in a pong
    async with connection(two_providers.sidecar.server) as (reader, writer):
        writer.write(upgrade)
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(ping * 20_000)
        unread = await settle(two_providers.sidecar.server, lambda _: writer.transport.get_write_buffer_size())
        assert unread > len(ping) * 10_000


STREAMED_BYTES = 64 * 2**20
"""Bytes of a stream whose client does not read: more than all buffers of the kernel hold."""
MAX_UNSENT_BYTES = 512 * 1024
"""What one read of the provider may add to the limit of a transport."""
STREAM_EVENT = chunk_event("x" * 2**16)


def unsent_bytes(listener: Any) -> int:
    """Return the bytes that wait in the transports of a listener's connections."""
    return sum(each.transport.get_write_buffer_size() for each in listener.connections if each.transport is not None)


async def test_a_client_that_does_not_read_its_stream_stops_the_provider() -> None:
    sent = 0
    count = STREAMED_BYTES // len(STREAM_EVENT)

    async def flood_events(peer: Peer) -> None:
        nonlocal sent
        for _ in range(count):
            await send(http_chunk(STREAM_EVENT))(peer)
            sent += 1

    ending = chunk_event(finish="stop") + b"data: [DONE]\n\n"
    script = [RECV, send(CHUNKED_HEAD), flood_events, send(http_chunk(ending) + http_chunk(b""))]
    body = json.dumps({"model": "m", "messages": HELLO, "stream": True}).encode()
    last = request("POST", "/v1/chat/completions", body, Connection="close")
    async with rehearsal(routing_yaml(alone=True), [script]) as running:
        sidecar = running.sidecar
        async with connection(sidecar.server) as (reader, writer):
            writer.write(last)
            await reader.readuntil(b"\r\n\r\n")
            held = await settle(sidecar.server, lambda _: sent)
            assert 0 < held < count / 2
            assert unsent_bytes(sidecar.listener) < MAX_UNSENT_BYTES
            received = await reader.read()
        assert received.count(b"data: ") == count + 2
        assert received.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert running.log.lines[-1]["outcome"] == "ok"


@dataclass(frozen=True, slots=True)
class AfterLater:
    """A custom middleware that holds the response back for a moment."""

    async def after(self, exchange: Exchange, response: Response) -> None:
        await asyncio.sleep(0.01)


async def test_a_client_that_does_not_read_what_was_held_stops_the_provider() -> None:
    sent = 0

    async def flood_events(peer: Peer) -> None:
        nonlocal sent
        for _ in range(STREAMED_BYTES // len(STREAM_EVENT)):
            await send(http_chunk(STREAM_EVENT))(peer)
            sent += 1

    first = http_chunk(chunk_event("x" * 6 * 2**20))  # more than the kernel's buffers hold
    text = routing_yaml(alone=True).replace("- limits", "- tests.test_backpressure:AfterLater\n  - limits")
    assert "AfterLater" in text
    script = [RECV, send(CHUNKED_HEAD), send(first), flood_events]
    async with rehearsal(text, [script]) as running, connection(running.sidecar.server) as (reader, writer):
        body = json.dumps({"model": "m", "messages": HELLO, "stream": True}).encode()
        writer.write(request("POST", "/v1/chat/completions", body))
        await reader.readuntil(b"\r\n\r\n")
        await settle(running.sidecar.server, lambda _: sent)
        assert unsent_bytes(running.sidecar.listener) < len(first) + MAX_UNSENT_BYTES
