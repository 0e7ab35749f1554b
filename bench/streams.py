"""Many paced streams at once, as one client sees them: every event counted, every end checked."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools

from bench.payloads import post, stream_request

OPENED_PER_SECOND = 250
"""Spreads the streams' events over time, and the cost of their beginnings."""

_EVENT = b"\n\ndata:"
_DONE = b"data: [DONE]\n\n"


class StreamFailedError(Exception):
    """Streams ended wrongly; the message says how many and how the first one did."""


class EventCounter:
    """Counts the events of one stream, whatever the cuts; comments are not events."""

    def __init__(self) -> None:
        self.events = 0
        self._last = b"\n\n"

    def feed(self, data: bytes) -> int:
        """How many events begin in `data`."""
        text = self._last + data
        new = text.count(_EVENT, max(0, len(self._last) - len(_EVENT) + 1))
        self.events += new
        self._last = text[-len(_DONE) :]
        return new

    @property
    def done(self) -> bool:
        """Whether the last thing that came is a whole `[DONE]`."""
        return self._last == _DONE


class Stream(asyncio.Protocol):
    """One request on its own connection; `first_event` is set at the first event, `ended` gets None or what went wrong."""

    def __init__(self, streams: StreamLoad) -> None:
        self._streams = streams
        self._counter = EventCounter()
        self._parser: Any = httptools.HttpResponseParser(self)
        self.transport: asyncio.Transport | None = None
        self.first_event: asyncio.Future[None] = streams.loop.create_future()
        self.ended: asyncio.Future[str | None] = streams.loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self.transport.write(self._streams.request)

    def data_received(self, data: bytes) -> None:
        """Let the parser take the chunks apart."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(f"not HTTP: {error}")

    def on_body(self, data: bytes) -> None:
        """Count."""
        if self._parser.get_status_code() != 200:
            self._end(f"{self._parser.get_status_code()} {data[:300]!r}")
            return
        new = self._counter.feed(data)
        self._streams.events += new
        if new and not self.first_event.done():
            self.first_event.set_result(None)

    def on_message_complete(self) -> None:
        """The last HTTP chunk came; the stream must have ended before it."""
        self._end(None if self._counter.done else f"ended without [DONE] after {self._counter.events} events")

    def connection_lost(self, error: Exception | None) -> None:
        """Cut off, if this comes before the end."""
        self._end(f"cut after {self._counter.events} events: {error or 'connection closed'}")

    def _end(self, fault: str | None) -> None:
        if not self.first_event.done():
            self.first_event.set_result(None)
        if not self.ended.done():
            self.ended.set_result(fault)
        if self.transport is not None:
            self.transport.close()


class StreamLoad:
    """A load of streams of `count` events at `rate` events a second each; `events` counts all that came."""

    def __init__(self, port: int, rate: int, count: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.events = 0
        self.request = post(stream_request(rate, count))
        self._port = port
        self._open: list[Stream] = []

    async def open(self, number: int) -> None:
        """Open so many more; returns when each has had its first event. Truncated, OSError, TimeoutError."""
        opened = []
        for _ in range(number):
            _transport, stream = await self.loop.create_connection(lambda: Stream(self), "127.0.0.1", self._port)
            opened.append(stream)
            self._open.append(stream)
            await asyncio.sleep(1 / OPENED_PER_SECOND)
        async with asyncio.timeout(10):
            await asyncio.gather(*(stream.first_event for stream in opened))
        self._check()

    async def wait_finished(self, timeout_s: float) -> None:
        """Returns when all have ended well; Truncated if one did not, TimeoutError after `timeout_s` seconds."""
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(*(stream.ended for stream in self._open))
        self._check()

    def close(self) -> None:
        """Leave, as a client that hangs up."""
        for stream in self._open:
            if stream.transport is not None:
                stream.transport.abort()

    def _check(self) -> None:
        ended = [stream.ended.result() for stream in self._open if stream.ended.done()]
        faults = [fault for fault in ended if fault is not None]
        if faults:
            raise StreamFailedError(f"{len(faults)} of {len(self._open)} streams failed; the first: {faults[0]}")
