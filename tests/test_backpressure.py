"""A client that sends requests and reads no response: the sidecar stops reading, whatever kind of response it is."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.running import HELLO, RunningSidecar

OFFERED = 400_000
"""Bytes of responses that the requests of one connection ask for."""
BOUND = 200_000
"""Bytes that may be on their way: 64 KiB in the transport, one response, and what the kernel takes on both sides."""
KERNEL = 16 * 1024
"""Bytes of each of the kernel's buffers; Linux takes twice that."""


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
    "refused host": request("GET", "/v1/models", Host="evil.test"),
    "unknown path": request("GET", "/nothing"),
    "head": request("HEAD", "/v1/models"),
    "own endpoint": request("GET", "/v1/providers/health"),
    "page": request("GET", "/dashboard/icon.svg"),
}
ADMIN_REQUESTS = {
    "probe": request("GET", "/healthz"),
    "metrics": request("GET", "/metrics"),
    "config": request("GET", "/admin/config"),
    "refused host": request("GET", "/admin/config", Host="evil.test"),
    "unknown path": request("GET", "/nothing"),
}


@asynccontextmanager
async def connection(server: asyncio.Server) -> Any:
    """A connection for which the kernel buffers little on both sides."""
    listening = server.sockets[0]
    client = socket.socket()
    for side in (listening, client):  # accepted sockets inherit it
        side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)
        side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, listening.getsockname())
    reader, writer = await asyncio.open_connection(sock=client, limit=1024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def settle(server: asyncio.Server, progress: Callable[[int], int]) -> int:
    """What `progress` returns once it stays the same while another client is served twenty times.

    It is called with the number of requests of that other client."""
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
    count = OFFERED // size
    async with connection(server) as (reader, writer):
        before = listener.requests_count
        writer.write(sent * (count - 1) + last)
        handled = await settle(server, lambda others: listener.requests_count - before - others)
        assert handled * size < BOUND
        received = await reader.read()  # what waited is answered all the same
        assert received.count(b"HTTP/1.1 ") - received.count(b"HTTP/1.1 100 ") == count


@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_client_that_does_not_read_gets_no_more_than_a_few_responses_ahead(
    two_providers: RunningSidecar, kind: str
) -> None:
    await flood(two_providers.sidecar.server, two_providers.sidecar.listener, REQUESTS[kind])


@pytest.mark.parametrize("kind", ADMIN_REQUESTS)
async def test_the_admin_listener_waits_for_its_clients_too(two_providers: RunningSidecar, kind: str) -> None:
    await flood(two_providers.sidecar.admin_server, two_providers.sidecar.admin_listener, ADMIN_REQUESTS[kind])


async def test_a_websocket_whose_client_does_not_read_is_not_read_either(two_providers: RunningSidecar) -> None:
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
