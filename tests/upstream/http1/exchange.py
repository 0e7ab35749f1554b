"""What the tests of this folder ask, and how they read the answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from proxy.messages import UpstreamRequest
from proxy.upstream.http1.response import Http1Response
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import FaultServer, http_chunk, http_response

OK = http_response(b'{"ok":true}', headers="Content-Type: application/json\r\n")
END = http_chunk(b"")

NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Verifies, and trusts nobody; made in no time."""


def question(server: FaultServer, body: bytes = b'{"model":"m"}', **headers: str) -> UpstreamRequest:
    """A request with a key that must never be seen in an error."""
    return UpstreamRequest(server.url(), {"Authorization": "Bearer sk-planted", **headers}, body)


async def ask(transport: Http1Transport, request: UpstreamRequest) -> Http1Response:
    """The answer, its body unread."""
    return await transport.send(request, connect_timeout_s=5)


async def rest(incoming: Http1Response) -> bytes:
    """All of the body that is still to come."""
    parts = []
    while part := await incoming.read():
        parts.append(part)
    return b"".join(parts)


async def exchange(transport: Http1Transport, request: UpstreamRequest) -> bytes:
    """One request and the whole body of its answer."""
    incoming = await ask(transport, request)
    try:
        return await rest(incoming)
    finally:
        incoming.close()


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop turn until something holds that nobody signals."""
    while not condition():
        await asyncio.sleep(0.001)


async def cancelled(awaitable: Awaitable[object], when: asyncio.Event) -> None:
    """Starts it, and cancels it once the event is set."""
    task = asyncio.ensure_future(awaitable)
    await when.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
