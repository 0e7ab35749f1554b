"""An answer on its way in: what has come of it, and whether more will."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Mapping
from math import inf
from typing import Protocol

from proxy.errors import Disconnected, UpstreamFailure

MAX_BUFFERED = 512 * 1024
"""Bytes that wait to be read before the connection is paused."""

_NO_HEADERS: Mapping[str, str] = {}


class Source(Protocol):
    """What an answer comes from, as long as more is to come."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def heed(self) -> None: ...

    def abort(self) -> None: ...


class Http1Incoming:
    """One answer; it is tied to its connection only until its last byte has come."""

    __slots__ = (
        "_chunks", "_deadline", "_failure", "_loop", "_patience", "_size", "_source", "_waiter", "answered", "headers",
        "status",
    )  # fmt: skip

    def __init__(self, loop: AbstractEventLoop, source: Source, deadline: float = inf) -> None:
        self.status = 0
        self.headers = _NO_HEADERS
        self.answered = False
        self._loop = loop
        self._source: Source | None = source
        self._chunks: list[bytes] = []
        self._size = 0
        self._failure: UpstreamFailure | None = None
        self._waiter: Future[None] | None = None
        self._patience = inf
        self._deadline = deadline

    # The reader's side.

    @property
    def patience(self) -> float:
        """Seconds of silence after which `read` raises Silent; any byte ends it, and time paused does not count."""
        return self._patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._patience = seconds
        self._heed()

    @property
    def deadline(self) -> float:
        """The moment (`loop.time()`) at which `read` raises Silent unless the answer is whole; time paused is added."""
        return self._deadline

    @deadline.setter
    def deadline(self, moment: float) -> None:
        self._deadline = moment
        self._heed()

    async def head(self) -> None:
        """Returns when status and headers are in; raises UpstreamFailure."""
        while not self.answered:
            if self._failure is not None:
                raise self._failure
            await self._more()

    async def read(self) -> bytes:
        """All that has come and was not read, b"" at the end; a failure is raised after the last byte before it."""
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self._source is None:
                return b""
            await self._more()
        return self._take()

    def close(self) -> None:
        """Let go: unless it is whole already, the connection is closed at once."""
        source, self._source = self._source, None
        self._chunks, self._size = [], 0
        if source is not None:
            self._failure = Disconnected("the answer was closed before its end")
            source.abort()
            self._wake()

    def _take(self) -> bytes:
        chunks, self._chunks = self._chunks, []
        size, self._size = self._size, 0
        if size > MAX_BUFFERED and self._source is not None:
            self._source.resume()
        return b"".join(chunks)  # which copies nothing where there is only one

    def _heed(self) -> None:
        if self._source is not None:
            self._source.heed()

    def _more(self) -> Future[None]:
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The connection's side.

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head is in, and with it ends the deadline for it."""
        self._deadline = inf
        self.status, self.headers, self.answered = status, headers, True
        self._wake()

    def add(self, chunks: list[bytes], size: int) -> None:
        """More of the body is in; it came in so many bytes."""
        self._chunks += chunks
        self._size += size
        if self._size > MAX_BUFFERED and self._source is not None:
            self._source.pause()
        self._wake()

    def finish(self) -> None:
        """It is whole."""
        self._source = None
        self._wake()

    def fail(self, failure: UpstreamFailure) -> None:
        """It will never be whole."""
        self._source = None
        self._failure = failure
        self._wake()

    def due(self, heard: float) -> float:
        """When to give up, if the last sign of life was at `heard`."""
        return min(self._deadline, heard + self._patience)

    def complaint(self, heard: float) -> str:
        """What is said of a provider that is overdue, if its last sign of life was at `heard`."""
        if heard + self._patience <= self._deadline:
            return f"sent nothing for {self._patience:g} s"
        return "took too long over its answer" if self.answered else "did not answer in time"

    def extend(self, seconds: float) -> None:
        """Time in which we did not read is not the provider's."""
        self._deadline += seconds
