"""A response as it is received: its head, the body bytes that are not read yet, its deadlines and its failure."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Mapping
from math import inf
from typing import Protocol

from proxy.errors import UpstreamDisconnected, UpstreamError

MAX_BUFFERED_BYTES = 512 * 1024
"""Unread body bytes above which the connection stops reading."""

_NO_HEADERS: Mapping[str, str] = {}


class ResponseSource(Protocol):
    """The connection that a response is received from, as long as it is incomplete."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read again."""

    def reschedule(self) -> None:
        """Set the timer again, because a deadline came closer."""

    def abort(self) -> None:
        """Close the connection at once."""


class Http1Response:
    """One response; it lets go of its connection with its last byte.

    `read` delivers every byte that arrived before it raises a failure. Deadlines are enforced by the connection's
    timer, which calls `fail`.
    """

    __slots__ = (
        "_buffered_bytes",
        "_chunks",
        "_deadline",
        "_failure",
        "_idle_timeout_s",
        "_loop",
        "_source",
        "_waiter",
        "has_head",
        "headers",
        "status",
    )  # fmt: skip

    def __init__(self, loop: AbstractEventLoop, source: ResponseSource, deadline: float = inf) -> None:
        self.status = 0
        self.headers = _NO_HEADERS
        self.has_head = False
        self._loop = loop
        self._source: ResponseSource | None = source
        self._chunks: list[bytes] = []
        self._buffered_bytes = 0
        self._failure: UpstreamError | None = None
        self._waiter: Future[None] | None = None
        self._idle_timeout_s = inf
        self._deadline = deadline

    # Called by the reader.

    @property
    def idle_timeout_s(self) -> float:
        """Seconds without any byte after which `read` raises UpstreamTimeout; time in which reading is paused is not counted."""
        return self._idle_timeout_s

    @idle_timeout_s.setter
    def idle_timeout_s(self, seconds: float) -> None:
        self._idle_timeout_s = seconds
        self._reschedule()

    @property
    def deadline(self) -> float:
        """When (`loop.time()`) `read` raises UpstreamTimeout unless the response is complete; paused time is added."""
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        self._deadline = deadline
        self._reschedule()

    async def wait_head(self) -> None:
        """Wait for status and headers. Raises UpstreamError."""
        while not self.has_head:
            if self._failure is not None:
                raise self._failure
            await self._wait()

    async def read(self) -> bytes:
        """Wait for body bytes and return all that are unread; b"" at the end of the body.

        Raises UpstreamError once the bytes received before the failure have been returned.
        """
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self._source is None:
                return b""
            await self._wait()
        return self._drain()

    def close(self) -> None:
        """Stop reading; closes the connection unless the response is complete."""
        source, self._source = self._source, None
        self._chunks, self._buffered_bytes = [], 0
        if source is not None:
            self._failure = UpstreamDisconnected("the response was closed before its end")
            source.abort()
            self._wake()

    def _drain(self) -> bytes:
        chunks, self._chunks = self._chunks, []
        size, self._buffered_bytes = self._buffered_bytes, 0
        if size > MAX_BUFFERED_BYTES and self._source is not None:
            self._source.resume()
        return b"".join(chunks)  # no copy if there is only one

    def _reschedule(self) -> None:
        if self._source is not None:
            self._source.reschedule()

    def _wait(self) -> Future[None]:
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # Called by the connection.

    def set_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Set status and headers, and end the deadline for them."""
        self._deadline = inf
        self.status, self.headers, self.has_head = status, headers, True
        self._wake()

    def add_body(self, chunks: list[bytes], size: int) -> None:
        """Add parts of the body that arrived in `size` bytes on the wire."""
        self._chunks += chunks
        self._buffered_bytes += size
        if self._buffered_bytes > MAX_BUFFERED_BYTES and self._source is not None:
            self._source.pause()
        self._wake()

    def finish(self) -> None:
        """Mark the response complete."""
        self._source = None
        self._wake()

    def fail(self, failure: UpstreamError) -> None:
        """End the response with a failure."""
        self._source = None
        self._failure = failure
        self._wake()

    def next_deadline(self, last_read_at: float) -> float:
        """Return when to fail with a timeout if nothing arrives after `last_read_at`."""
        return min(self._deadline, last_read_at + self._idle_timeout_s)

    def timeout_message(self, last_read_at: float) -> str:
        """Return the error text for a timeout, to follow the host name."""
        if last_read_at + self._idle_timeout_s <= self._deadline:
            return f"sent no data for {self._idle_timeout_s:g} s"
        return "did not complete its response in time" if self.has_head else "did not respond in time"

    def extend_deadline(self, seconds: float) -> None:
        """Add time in which reading was paused, which is not the provider's."""
        self._deadline += seconds
