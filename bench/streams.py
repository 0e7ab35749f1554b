"""Load generator: many concurrent streams at a fixed event rate. Counts all events and checks every end."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools

from bench.payloads import Api, stream_request

OPENED_PER_SECOND = 250
"""Rate at which streams are opened, so that their events and their start-up costs are spread over time."""

_EVENT = b"\n\ndata:"
_DONE = b"data: [DONE]\n\n"


class StreamFailedError(Exception):
    """Streams failed. The message has their number and the first error."""


class EventCounter:
    """Counts the events of one stream, in chunks of any size. Comments are not events."""

    def __init__(self) -> None:
        self.events = 0
        self._last = b"\n\n"

    def feed(self, data: bytes) -> int:
        """Return the number of events that start in `data`."""
        text = self._last + data
        new = text.count(_EVENT, max(0, len(self._last) - len(_EVENT) + 1))
        self.events += new
        self._last = text[-len(_DONE) :]
        return new

    @property
    def done(self) -> bool:
        """Whether the stream so far ends with a complete `[DONE]`."""
        return self._last == _DONE


class Stream(asyncio.Protocol):
    """One request on its own connection.

    `first_event` is set at the first event or at the end. `ended` gets None or an error text.
    """

    def __init__(self, streams: StreamLoad) -> None:
        self._streams = streams
        self._counter = EventCounter()
        self._parser: Any = httptools.HttpResponseParser(self)
        self.transport: asyncio.Transport | None = None
        self.first_event: asyncio.Future[None] = streams.loop.create_future()
        self.ended: asyncio.Future[str | None] = streams.loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's class does not inherit from it
        self.transport.write(self._streams.request)

    def data_received(self, data: bytes) -> None:
        """Pass the data to the HTTP parser."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._finish(f"not HTTP: {error}")

    def on_body(self, data: bytes) -> None:
        """Count the events of the data."""
        if self._parser.get_status_code() != 200:
            self._finish(f"{self._parser.get_status_code()} {data[:300]!r}")
            return
        new = self._counter.feed(data)
        self._streams.events += new
        if new and not self.first_event.done():
            self.first_event.set_result(None)

    def on_message_complete(self) -> None:
        """Check that the stream ended before the last HTTP chunk."""
        self._finish(None if self._counter.done else f"ended without [DONE] after {self._counter.events} events")

    def connection_lost(self, error: Exception | None) -> None:
        """Report a closed connection, unless the stream has ended."""
        self._finish(f"cut after {self._counter.events} events: {error or 'connection closed'}")

    def _finish(self, failure: str | None) -> None:
        if not self.first_event.done():
            self.first_event.set_result(None)
        if not self.ended.done():
            self.ended.set_result(failure)
        if self.transport is not None:
            self.transport.close()


class StreamLoad:
    """Concurrent streams of `count` content events of the model. `events` counts all received ones."""

    def __init__(self, port: int, api: Api, model: str, count: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.events = 0
        self.request = api.post(stream_request(model, count))
        self._port = port
        self._open: list[Stream] = []

    async def open(self, number: int) -> None:
        """Open more streams and wait for the first event of each.

        Raises StreamFailedError, OSError or TimeoutError.
        """
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
        """Wait until all streams have ended. Raises StreamFailedError if one failed, TimeoutError after `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(*(stream.ended for stream in self._open))
        self._check()

    def close(self) -> None:
        """Close all connections, as a client that disconnects."""
        for stream in self._open:
            if stream.transport is not None:
                stream.transport.abort()

    def _check(self) -> None:
        ended = [stream.ended.result() for stream in self._open if stream.ended.done()]
        errors = [error for error in ended if error is not None]
        if errors:
            raise StreamFailedError(f"{len(errors)} of {len(self._open)} streams failed; the first: {errors[0]}")
