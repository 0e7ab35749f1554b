"""One connection to a provider, which carries one request and its response at a time."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Protocol, cast

from proxy.deadline_timer import DeadlineTimer
from proxy.errors import MalformedResponse, UpstreamDisconnected, UpstreamError, UpstreamTimeout
from proxy.upstream.http1.parser import ResponseParser
from proxy.upstream.http1.response import Http1Response

WRITE_CHUNK_BYTES = 256 * 1024
"""The part of a request body handed to the socket at a time."""

_EMPTY = memoryview(b"")


class StaleConnectionError(UpstreamDisconnected):
    """A reused connection was closed before the first byte of a response: most likely while it was idle."""


class ConnectionOwner(Protocol):
    """Takes a connection back when its response is complete; a `RoutePool`."""

    def release(self, connection: Connection) -> None:
        """Keep the idle connection for the next request."""

    def remove(self, connection: Connection) -> None:
        """Drop the closed connection."""


class Connection(asyncio.Protocol):
    """The protocol of one connection; idle while `_response` is None.

    Bytes that arrive while it is idle belong to no request: they close the connection. A timer enforces the
    earliest of three deadlines: the response's own, its idle timeout, and the one for writing (at least something of
    the unsent request must go out in each `write_timeout_s`). Time in which reading is paused counts for none of them.
    """

    __slots__ = (
        "_last_read_at",
        "_loop",
        "_owner",
        "_parser",
        "_paused_at",
        "_readable",
        "_request_count",
        "_request_truncated",
        "_response",
        "_response_started",
        "_timer",
        "_transport",
        "_unsent",
        "_unsent_bytes",
        "_write_deadline",
        "_write_paused",
        "_write_timeout_s",
        "host",
        "idle_since",
    )  # fmt: skip

    def __init__(self, host: str, owner: ConnectionOwner, write_timeout_s: float) -> None:
        self.host = host
        self.idle_since = 0.0
        self._owner = owner
        self._write_timeout_s = write_timeout_s
        self._loop = asyncio.get_running_loop()
        self._timer = DeadlineTimer(self._loop, self._deadline, self._on_deadline)
        self._parser = ResponseParser()
        self._response: Http1Response | None = None
        self._request_count = 0
        self._response_started = False
        self._last_read_at = 0.0
        self._paused_at: float | None = None
        self._unsent = _EMPTY
        self._request_truncated = False
        self._write_paused = False
        self._unsent_bytes = 0
        self._write_deadline = inf

    # Called by the transport.

    def send_request(self, head: bytes, body: bytes, response_timeout_s: float) -> Http1Response:
        """Send a request; its response head must arrive within `response_timeout_s` seconds."""
        now = self._loop.time()
        self._parser.reset()
        self._request_count += 1
        self._response_started = False
        self._last_read_at = now
        self._unsent_bytes, self._write_deadline = len(head) + len(body), now + self._write_timeout_s
        self._response = response = Http1Response(self._loop, self, now + response_timeout_s)
        if self._transport.is_closing():
            self._on_lost(None)
            return response
        # One write, so that head and body share a segment where they fit.
        self._transport.write(head + body[:WRITE_CHUNK_BYTES])
        if len(body) > WRITE_CHUNK_BYTES:
            self._unsent = memoryview(body)[WRITE_CHUNK_BYTES:]
            self._write_more()
        self._timer.reschedule()
        return response

    @property
    def is_usable(self) -> bool:
        """Whether it is open and nothing has arrived, including what the event loop has not delivered yet."""
        return not (self._transport.is_closing() or self._readable())

    def abort(self) -> None:
        """Close at once, dropping unsent data."""
        self._response = None
        self._unsent = _EMPTY
        self._timer.stop()
        self._transport.abort()

    # Called by its response (`ResponseSource`).

    def pause(self) -> None:
        """Stop reading: the response has enough unread bytes."""
        if self._paused_at is None:
            self._paused_at = self._loop.time()
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again; the time in between does not count against the deadline."""
        if self._paused_at is not None:
            self._last_read_at = self._loop.time()
            if self._response is not None:
                self._response.extend_deadline(self._last_read_at - self._paused_at)
            self._paused_at = None
            self._transport.resume_reading()
            self._timer.reschedule()

    def reschedule(self) -> None:
        """Set the timer again, because a deadline of the response came closer."""
        self._timer.reschedule()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._readable = _readability_check(transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        """Parse the bytes and pass head, body and end to the response."""
        response, parser = self._response, self._parser
        if response is None:
            self.abort()
            return
        self._last_read_at = self._loop.time()
        self._response_started = True
        parser.feed(data)
        if not response.has_head and parser.headers is not None:
            self._on_response_head(response)
        if parser.body:
            response.add_body(parser.body, len(data))
            parser.body.clear()
        if parser.complete:
            self._finish()
        elif parser.error is not None:
            self._fail(MalformedResponse(f"{self.host} sent an invalid HTTP response: {parser.error}"))

    def connection_lost(self, error: Exception | None) -> None:
        """End the response, if one is incomplete, and leave the pool."""
        self._timer.stop()
        self._on_lost(error)
        self._parser.close()
        self._owner.remove(self)

    def pause_writing(self) -> None:
        """Stop writing: the transport has enough unsent bytes."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Write the next part of the request body."""
        self._write_paused = False
        self._write_more()

    # Progress and end of a response.

    def _on_response_head(self, response: Http1Response) -> None:
        parser = self._parser
        assert parser.headers is not None
        if parser.status >= 400:
            # An error before the whole request was sent: stop sending the rest (RFC 9112, 9.5).
            self._request_truncated = bool(self._unsent)
            self._unsent = _EMPTY
        # From here on the idle timeout applies, and no longer the write deadline.
        self._unsent_bytes = 0
        response.set_head(parser.status, parser.headers)

    def _finish(self) -> None:
        response, self._response = self._response, None
        assert response is not None
        parser = self._parser
        self.resume()
        if (
            parser.keep_alive
            and self._is_request_sent
            and not parser.trailing_data
            and not self._transport.is_closing()
        ):
            self.idle_since = self._last_read_at
            self._owner.release(self)
        else:
            self.abort()
        response.finish()

    def _fail(self, failure: UpstreamError) -> None:
        response = self._response
        assert response is not None
        self.abort()
        response.fail(failure)

    def _on_lost(self, error: Exception | None) -> None:
        if self._response is None:
            return
        if error is None and self._parser.until_close:
            self._finish()
            return
        kind = StaleConnectionError if self._request_count > 1 and not self._response_started else UpstreamDisconnected
        where = "in the middle of its response" if self._response.has_head else "before responding"
        self._fail(kind(f"{self.host} {'closed' if error is None else 'broke'} the connection {where}"))

    @property
    def _is_request_sent(self) -> bool:
        return not (self._request_truncated or self._unsent or self._transport.get_write_buffer_size())

    def _write_more(self) -> None:
        while self._unsent and not self._write_paused:
            piece, self._unsent = self._unsent[:WRITE_CHUNK_BYTES], self._unsent[WRITE_CHUNK_BYTES:]
            self._transport.write(piece)

    # Deadlines.

    def _deadline(self) -> float:
        if self._response is None:
            return inf
        deadline = inf if self._paused_at is not None else self._response.next_deadline(self._last_read_at)
        return min(deadline, self._write_deadline) if self._unsent_bytes else deadline

    def _on_deadline(self) -> None:
        now = self._loop.time()
        assert self._response is not None
        if not (self._unsent_bytes and self._write_deadline <= now):
            self._fail(UpstreamTimeout(f"{self.host} {self._response.timeout_message(self._last_read_at)}"))
        elif not self._record_write_progress(now):
            self._fail(UpstreamTimeout(f"{self.host} accepted no request data for {self._write_timeout_s:g} s"))

    def _record_write_progress(self, now: float) -> bool:
        """Set the next write deadline and return whether anything was sent since the last one."""
        before, self._unsent_bytes = self._unsent_bytes, len(self._unsent) + self._transport.get_write_buffer_size()
        self._write_deadline = now + self._write_timeout_s
        return self._unsent_bytes < before


def _readability_check(fd: int) -> Callable[[], object]:
    """Return a function that asks the system whether the socket has data or its end to read, and reads nothing."""
    if not hasattr(select, "poll"):
        return lambda: select.select([fd], [], [], 0)[0]
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return partial(poll.poll, 0)
