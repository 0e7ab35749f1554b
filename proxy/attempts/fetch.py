"""Sends one small request to a provider outside of the attempts, and returns the whole response."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from proxy.errors import ParrotError, ResponseTooLargeError
from proxy.messages import Transfer, Transport, UpstreamRequest

MAX_BYTES = 64 * 2**20
CONNECT_TIMEOUT_S = 10.0
TIMEOUT_S = 60.0
"""Until the response is complete."""


class Fetched(Struct, frozen=True):
    """A complete response. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Fetched({self.status})"  # its body may be an answer


async def fetch(transport: Transport, request: UpstreamRequest, timeout_s: float = TIMEOUT_S) -> Fetched:
    """Return the response. Raises UpstreamError, ResourceExhaustedError and ResponseTooLargeError."""
    loop = asyncio.get_running_loop()
    sink = _Sink(loop.create_future())
    transfer = transport.send(request, sink, connect_timeout_s=CONNECT_TIMEOUT_S, response_timeout_s=timeout_s)
    sink.transfer = transfer
    transfer.set_timeouts(deadline=loop.time() + timeout_s, idle_timeout_s=timeout_s)
    try:
        return await sink.done
    finally:
        if not sink.is_over:
            transfer.abort()


class _Sink:
    """Collects one response. Implements `messages.ResponseSink`."""

    def __init__(self, done: asyncio.Future[Fetched]) -> None:
        self.done = done
        self.transfer: Transfer | None = None
        self.is_over = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        """Take status and headers."""
        self._status, self._headers = status, headers

    def on_body(self, data: bytes) -> None:
        """Take more of the body."""
        self._body += data
        if len(self._body) > MAX_BYTES and not self.done.done():
            self.done.set_exception(ResponseTooLargeError(f"the provider's answer is over {MAX_BYTES} bytes"))

    def on_end(self) -> None:
        """Take the end of the response."""
        self.is_over = True
        if not self.done.done():
            self.done.set_result(Fetched(self._status, self._headers, bytes(self._body)))

    def on_failure(self, failure: ParrotError) -> None:
        """Take the failure."""
        self.is_over = True
        if not self.done.done():
            self.done.set_exception(failure)
