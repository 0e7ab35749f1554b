"""Sends one small request to a provider outside of the attempts, and returns the whole response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from proxy.errors import ParrotError, ResponseTooLargeError
from proxy.messages import Transfer, Transport, UpstreamRequest


class FetchLimits(Struct, frozen=True):
    """How long a response may take, and how large it may be."""

    timeout_s: float = 60.0
    """Until it is complete."""
    connect_timeout_s: float = 10.0
    max_bytes: int = 64 * 2**20
    count: Callable[[int], None] = lambda size: None
    """Called with the size of each part of the body before it is kept. It may raise a ParrotError, which ends the fetch."""


DEFAULT_LIMITS = FetchLimits()


class Fetched(Struct, frozen=True):
    """A complete response. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Fetched({self.status})"  # its body may be an answer


async def fetch(transport: Transport, request: UpstreamRequest, limits: FetchLimits = DEFAULT_LIMITS) -> Fetched:
    """Return the response. Raises UpstreamError, ResourceExhaustedError and ResponseTooLargeError."""
    loop = asyncio.get_running_loop()
    sink = _Sink(loop.create_future(), limits)
    timeout_s = limits.timeout_s
    transfer = transport.send(request, sink, connect_timeout_s=limits.connect_timeout_s, response_timeout_s=timeout_s)
    sink.transfer = transfer
    transfer.set_timeouts(deadline=loop.time() + timeout_s, idle_timeout_s=timeout_s)
    try:
        return await sink.done
    finally:
        if not sink.is_over:
            transfer.abort()


class _Sink:
    """Collects one response. Implements `messages.ResponseSink`."""

    def __init__(self, done: asyncio.Future[Fetched], limits: FetchLimits) -> None:
        self.done = done
        self._limits = limits
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
        if self.done.done():
            return
        try:
            self._limits.count(len(data))
            if len(self._body) + len(data) > self._limits.max_bytes:
                raise ResponseTooLargeError(f"the answer is over {self._limits.max_bytes} bytes")
        except ParrotError as error:
            self.done.set_exception(error)
            if self.transfer is not None:
                self.is_over = True
                self.transfer.abort()  # at once: what was read already is not decompressed then
        else:
            self._body += data

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
