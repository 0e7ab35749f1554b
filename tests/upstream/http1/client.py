"""A client for the tests of this folder: builds requests, reads responses, and cancels them at a given moment."""

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
"""Verifies certificates and trusts none; fast to create."""


def build_request(server: FaultServer, body: bytes = b'{"model":"m"}', **headers: str) -> UpstreamRequest:
    """Build a request with a key that no error may contain."""
    return UpstreamRequest(server.url(), {"Authorization": "Bearer sk-planted", **headers}, body)


async def open_response(transport: Http1Transport, request: UpstreamRequest) -> Http1Response:
    """Send a request and return the response with its body unread."""
    return await transport.send(request, connect_timeout_s=5)


async def read_rest(response: Http1Response) -> bytes:
    """Read the rest of the body."""
    parts = []
    while part := await response.read():
        parts.append(part)
    return b"".join(parts)


async def fetch(transport: Http1Transport, request: UpstreamRequest) -> bytes:
    """Send a request and return the body of the response."""
    response = await open_response(transport, request)
    try:
        return await read_rest(response)
    finally:
        response.close()


async def wait_until(condition: Callable[[], bool]) -> None:
    """Poll a condition that no event signals."""
    while not condition():
        await asyncio.sleep(0.001)


async def cancel_on(awaitable: Awaitable[object], when: asyncio.Event) -> None:
    """Start a task and cancel it once the event is set."""
    task = asyncio.ensure_future(awaitable)
    await when.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
