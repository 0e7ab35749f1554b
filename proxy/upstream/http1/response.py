"""An answer on its way in: what has come of it, and whether more will."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Mapping
from math import inf
from typing import Protocol

from proxy.errors import UpstreamDisconnected, UpstreamError

MAX_BUFFERED_BYTES = 512 * 1024
"""Bytes that wait to be read before the connection is paused."""

_NO_HEADERS: Mapping[str, str] = {}


class ResponseSource(Protocol):
    """What an answer comes from, as long as more is to come."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def reschedule(self) -> None: ...

    def abort(self) -> None: ...


class Http1Response:
    """One answer; it is tied to its connection only until its last byte has come."""

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

    # The reader's side.

    @property
    def idle_timeout_s(self) -> float:
        """Seconds of silence after which `read` raises UpstreamTimeout; any byte ends it, and time paused does not count."""
        return self._idle_timeout_s

    @idle_timeout_s.setter
    def idle_timeout_s(self, seconds: float) -> None:
        self._idle_timeout_s = seconds
        self._reschedule()

    @property
    def deadline(self) -> float:
        """The moment (`loop.time()`) at which `read` raises UpstreamTimeout unless the answer is whole; time paused is added."""
        return self._deadline

    @deadline.setter
    def deadline(self, moment: float) -> None:
        self._deadline = moment
        self._reschedule()

    async def wait_head(self) -> None:
        """Returns when status and headers are in; raises UpstreamError."""
        while not self.has_head:
            if self._failure is not None:
                raise self._failure
            await self._wait()

    async def read(self) -> bytes:
        """All that has come and was not read, b"" at the end; a failure is raised after the last byte before it."""
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self._source is None:
                return b""
            await self._wait()
        return self._drain()

    def close(self) -> None:
        """Let go: unless it is whole already, the connection is closed at once."""
        source, self._source = self._source, None
        self._chunks, self._buffered_bytes = [], 0
        if source is not None:
            self._failure = UpstreamDisconnected("the answer was closed before its end")
            source.abort()
            self._wake()

    def _drain(self) -> bytes:
        chunks, self._chunks = self._chunks, []
        size, self._buffered_bytes = self._buffered_bytes, 0
        if size > MAX_BUFFERED_BYTES and self._source is not None:
            self._source.resume()
        return b"".join(chunks)  # which copies nothing where there is only one

    def _reschedule(self) -> None:
        if self._source is not None:
            self._source.reschedule()

    def _wait(self) -> Future[None]:
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The connection's side.

    def set_head(self, status: int, headers: Mapping[str, str]) -> None:
        """The head is in, and with it ends the deadline for it."""
        self._deadline = inf
        self.status, self.headers, self.has_head = status, headers, True
        self._wake()

    def add_body(self, chunks: list[bytes], size: int) -> None:
        """More of the body is in; it came in so many bytes."""
        self._chunks += chunks
        self._buffered_bytes += size
        if self._buffered_bytes > MAX_BUFFERED_BYTES and self._source is not None:
            self._source.pause()
        self._wake()

    def finish(self) -> None:
        """It is whole."""
        self._source = None
        self._wake()

    def fail(self, failure: UpstreamError) -> None:
        """It will never be whole."""
        self._source = None
        self._failure = failure
        self._wake()

    def next_deadline(self, last_read_at: float) -> float:
        """When to give up, if the last sign of life was at `last_read_at`."""
        return min(self._deadline, last_read_at + self._idle_timeout_s)

    def timeout_message(self, last_read_at: float) -> str:
        """What is said of a provider that is overdue, if its last sign of life was at `last_read_at`."""
        if last_read_at + self._idle_timeout_s <= self._deadline:
            return f"sent nothing for {self._idle_timeout_s:g} s"
        return "took too long over its answer" if self.has_head else "did not answer in time"

    def extend_deadline(self, seconds: float) -> None:
        """Time in which we did not read is not the provider's."""
        self._deadline += seconds
