"""A client for the tests of this folder: builds requests, and reads the responses that the transport pushes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from math import inf

from proxy.errors import ParrotError
from proxy.messages import Headers, Transfer, UpstreamRequest
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import FaultServer, http_chunk, http_response

OK = http_response(b'{"ok":true}', headers="Content-Type: application/json\r\n")
END = http_chunk(b"")

NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Verifies certificates and trusts none; fast to create."""


class CollectedResponse:
    """Collects what is pushed of one response, so that a test can read it; implements `messages.ResponseSink`."""

    transfer: Transfer
    status = 0
    headers: Headers

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        """What was pushed and is not read yet."""
        self.received_bytes = 0
        self.calls: list[str] = []
        """The methods of the sink that were called, in order."""
        self.failure: ParrotError | None = None
        self.is_complete = False
        self._has_changed = asyncio.Event()

    # Called by the transport.

    def on_head(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, headers
        self._record("head")

    def on_body(self, data: bytes) -> None:
        assert data
        self.parts.append(data)
        self.received_bytes += len(data)
        self._record("body")

    def on_end(self) -> None:
        self.is_complete = True
        self._record("end")

    def on_failure(self, failure: ParrotError) -> None:
        self.failure = failure
        self._record("failure")

    def _record(self, call: str) -> None:
        self.calls.append(call)
        self._has_changed.set()

    # Called by the test.

    @property
    def is_over(self) -> bool:
        """Whether the end or a failure was pushed."""
        return self.is_complete or self.failure is not None

    async def wait(self, condition: Callable[[], object]) -> None:
        """Wait until something was pushed that makes a condition true."""
        while not condition():
            self._has_changed.clear()
            await self._has_changed.wait()

    async def read(self) -> bytes:
        """Return all that is unread; b"" at the end. Raises the failure once everything before it was read."""
        await self.wait(lambda: self.parts or self.is_over)
        if not self.parts and self.failure is not None:
            raise self.failure
        parts, self.parts = self.parts, []
        return b"".join(parts)


def build_request(server: FaultServer, body: bytes = b'{"model":"m"}', **headers: str) -> UpstreamRequest:
    """Build a request with a key that no error may contain."""
    return UpstreamRequest(server.url(), {"Authorization": "Bearer sk-planted", **headers}, body)


def start_request(
    transport: Http1Transport,
    request: UpstreamRequest,
    *,
    sink: CollectedResponse | None = None,
    connect_timeout_s: float = 5,
    response_timeout_s: float = inf,
) -> CollectedResponse:
    """Start to send a request; asserts that nothing is pushed from within `send`."""
    response = sink or CollectedResponse()
    response.transfer = transport.send(
        request, response, connect_timeout_s=connect_timeout_s, response_timeout_s=response_timeout_s
    )
    assert response.calls == []
    return response


async def open_response(
    transport: Http1Transport,
    request: UpstreamRequest,
    *,
    connect_timeout_s: float = 5,
    response_timeout_s: float = inf,
) -> CollectedResponse:
    """Send a request and return once the head of its response is here; cancelled, it aborts the transfer."""
    response = start_request(
        transport, request, connect_timeout_s=connect_timeout_s, response_timeout_s=response_timeout_s
    )
    try:
        await response.wait(lambda: response.calls)
    except asyncio.CancelledError:
        response.transfer.abort()
        raise
    if response.failure is not None and "head" not in response.calls:
        raise response.failure
    return response


async def read_rest(response: CollectedResponse) -> bytes:
    """Read the rest of the body."""
    parts = []
    while part := await response.read():
        parts.append(part)
    return b"".join(parts)


async def fetch(transport: Http1Transport, request: UpstreamRequest) -> bytes:
    """Send a request and return the body of the response."""
    return await read_rest(await open_response(transport, request))


async def wait_until(condition: Callable[[], bool]) -> None:
    """Poll a condition that no event signals."""
    while not condition():
        await asyncio.sleep(0.001)


async def turn_loop(times: int = 10) -> None:
    """Let the event loop deliver what has arrived already."""
    for _ in range(times):
        await asyncio.sleep(0)


async def cancel_on(awaitable: Awaitable[object], when: asyncio.Event) -> None:
    """Start a task and cancel it once the event is set."""
    task = asyncio.ensure_future(awaitable)
    await when.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
