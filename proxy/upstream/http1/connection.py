"""One connection to a provider: one request at a time, whose response is pushed into a sink as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Protocol, cast

from proxy.deadline_timer import DeadlineTimer
from proxy.descriptors import is_scarce
from proxy.errors import MalformedResponse, ParrotError, UpstreamDisconnected, UpstreamTimeout
from proxy.messages import ResponseSink
from proxy.socket_state import readability_check, unsent_bytes
from proxy.upstream.http1.content_encoding import DecodingSink
from proxy.upstream.http1.local_errors import local_error
from proxy.upstream.http1.parser import ResponseParser

WRITE_SLICE_BYTES = 256 * 1024
"""Bytes of a request body given to the socket at a time."""
STALE_WITHIN_S = 0.25
"""Seconds after the last byte was sent in which a reused connection that closes counts as closed before."""
LATE_AFTER_S = 1.0
"""A reused connection that closes later than this without a byte was not closed before: the provider gave the request up."""

_NOTHING = memoryview(b"")


class ConnectionOwner(Protocol):
    """Where a connection goes when it is idle, and is reported when it is closed."""

    def release(self, connection: Connection) -> None:
        """Take back a connection that is idle and may be used again."""

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""


class Connection(asyncio.Protocol):
    """An HTTP/1.1 client connection. While `_sink` is None it is idle, and a byte that arrives makes it unusable."""

    __slots__ = (
        "_deadline", "_has_response_byte", "_idle_timeout_s", "_last_read_at", "_last_write_at", "_loop", "_on_stale", "_owner",
        "_parser", "_readable", "_receiver", "_request_count", "_response_began", "_sink", "_timer", "_transport",
        "_unsent", "_unsent_bytes", "_upload_cut", "_write_due", "_write_stalled", "_write_timeout_s", "due", "host",
        "idle_since", "is_scarce", "opened_at", "paused_at",
    )  # fmt: skip

    def __init__(self, host: str, owner: ConnectionOwner, timer: DeadlineTimer, write_timeout_s: float) -> None:
        self.host = host
        self.idle_since = 0.0
        self.is_scarce = False
        """Whether it was opened when few descriptors were left, which others may need more than it does while idle."""
        self.due = inf
        self._owner = owner
        self.opened_at = 0.0
        self._timer = timer
        self._write_timeout_s = write_timeout_s
        self._loop = asyncio.get_running_loop()
        self._parser = ResponseParser()
        self._sink: ResponseSink | None = None
        self._receiver: ResponseSink | None = None  # what `_sink` is, or hands on to once it has decoded it
        self._on_stale: Callable[[], None] | None = None
        self._request_count = 0
        self._has_response_byte = False
        self._response_began = False
        self._last_read_at = self._last_write_at = 0.0
        self._deadline = inf
        self._idle_timeout_s = inf
        self.paused_at: float | None = None
        self._unsent = _NOTHING
        self._upload_cut = False
        self._write_stalled = False
        self._unsent_bytes = 0
        self._write_due = inf

    # Called by the transport.

    def send_request(
        self,
        head: bytes,
        body: bytes,
        sink: ResponseSink,
        deadline: float,
        *,
        on_stale: Callable[[], None] | None = None,
    ) -> None:
        """Send a request whose response must be complete by `deadline` (`loop.time()`). `set_timeouts` can change that.

        The sink is called from the event loop, never from within this call. `on_stale` is called in place of
        `sink.on_failure` where a reused connection closes at once, before the first byte of the response: the provider had
        most likely closed it before the request was sent.
        """
        now = self._loop.time()
        self._parser.reset()
        self._request_count += 1
        self._has_response_byte = self._response_began = False
        self._last_read_at = self._last_write_at = now
        self._deadline, self._idle_timeout_s = deadline, inf
        self._unsent_bytes, self._write_due = len(head) + len(body), now + self._write_timeout_s
        self._sink, self._receiver, self._on_stale = sink, sink, on_stale
        if self._transport.is_closing():
            self._loop.call_soon(self._lose, None)
            return
        # One write, so that head and body leave in one segment where they fit.
        self._transport.write(head + body[:WRITE_SLICE_BYTES])
        if len(body) > WRITE_SLICE_BYTES:
            self._unsent = memoryview(body)[WRITE_SLICE_BYTES:]
            self._send_rest()
        self._watch()

    def serves(self, sink: ResponseSink) -> bool:
        """Return whether the response to this sink's request is still to come, in part or whole."""
        return self._sink is not None and self._receiver is sink

    @property
    def is_usable(self) -> bool:
        """Whether it is open and quiet: bytes or an end that the event loop has not reported yet count too."""
        return not (self._transport.is_closing() or self._readable())

    def abort(self) -> None:
        """Close at once. Unsent bytes are dropped and the sink is not called again."""
        self._sink = self._receiver = self._on_stale = None
        self._unsent = _NOTHING
        self._timer.unwatch(self)
        self._transport.abort()

    # Called by the transfer, for the receiver of the response.

    def pause(self) -> None:
        """Stop reading, so that TCP slows the provider down. Time paused does not count as silence."""
        if self.paused_at is None and self._sink is not None:
            self.paused_at = self._loop.time()
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again after `pause`."""
        if self.paused_at is not None:
            now = self._last_read_at = self._loop.time()
            self._deadline += now - self.paused_at
            self.paused_at = None
            self._transport.resume_reading()
            self._watch()

    def set_timeouts(self, *, deadline: float, idle_timeout_s: float) -> None:
        """Set the moment (`loop.time()`) by which the response must be complete, and the longest silence in seconds."""
        self._deadline, self._idle_timeout_s = deadline, idle_timeout_s
        self._watch()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport of a new connection."""
        self.opened_at = self._loop.time()
        self._transport = cast(asyncio.Transport, transport)
        self._timer.watch(self)
        descriptor = transport.get_extra_info("socket").fileno()
        self._readable, self.is_scarce = readability_check(descriptor), is_scarce(descriptor)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived and push it into the sink."""
        sink, parser = self._sink, self._parser
        if sink is None:
            self.abort()
            return
        self._last_read_at = self._loop.time()
        self._has_response_byte = True
        parser.feed(data)
        if not self._response_began and parser.headers is not None:
            sink = self._begin_response(sink)
        if parser.body and self._sink is sink:
            parts = parser.body
            sink.on_body(parts[0] if len(parts) == 1 else b"".join(parts))
            parts.clear()
        if self._sink is not sink:
            return  # the sink closed the connection
        if parser.complete:
            self._finish(sink)
        elif parser.error is not None:
            self._fail(MalformedResponse(f"{self.host} sent an invalid HTTP response: {parser.error}"))

    def connection_lost(self, error: Exception | None) -> None:
        """Report the end of the connection to the sink and to the owner."""
        self._timer.unwatch(self)
        self._lose(error)
        self._parser.close()
        self._owner.remove(self)

    def pause_writing(self) -> None:
        """Hold back the rest of the request body."""
        self._write_stalled = True

    def resume_writing(self) -> None:
        """Send more of the request body."""
        self._write_stalled = False
        self._send_rest()

    # How a response begins and ends.

    def _begin_response(self, sink: ResponseSink) -> ResponseSink:
        parser = self._parser
        assert parser.headers is not None
        self._response_began, self._on_stale = True, None  # it holds the request
        if parser.status >= 400:
            # Refused before it was all sent: the rest would only fill the connection (RFC 9112, 9.5).
            self._upload_cut |= bool(self._unsent)
            self._unsent = _NOTHING
        # From here on silence counts, not how much of the request the provider still wants.
        self._unsent_bytes = 0
        sink.on_head(parser.status, parser.headers)
        if parser.decoder is not None and self._sink is sink:
            self._sink = sink = DecodingSink(sink, parser.decoder, self)
        return sink

    def _finish(self, sink: ResponseSink) -> None:
        if self.paused_at is not None:
            self.resume()
        self._sink = self._receiver = self._on_stale = None
        self.due = inf
        parser = self._parser
        is_clean = parser.keep_alive and self._is_request_sent and not parser.trailing_data
        if is_clean and not self._transport.is_closing():
            self.idle_since = self._last_read_at
            self._owner.release(self)
        else:
            self.abort()
        sink.on_end()

    def _fail(self, failure: ParrotError) -> None:
        sink = self._sink
        assert sink is not None
        self.abort()
        sink.on_failure(failure)

    def _lose(self, error: Exception | None) -> None:
        if self._sink is None:
            return
        if error is None and self._parser.until_close:
            self._finish(self._sink)
            return
        on_stale, waited_s = self._on_stale, self._loop.time() - self._last_write_at
        is_reused = self._request_count > 1 and not self._has_response_byte
        # Later the provider may have begun to work on the request, which must not be done twice.
        if on_stale is not None and is_reused and waited_s <= STALE_WITHIN_S:
            self.abort()
            on_stale()
            return
        if isinstance(error, OSError) and (local := local_error(error, self.host)) is not None:
            self._fail(local)
            return
        where = "in the middle of its response" if self._response_began else "before responding"
        failure = UpstreamDisconnected(f"{self.host} {'closed' if error is None else 'broke'} the connection {where}")
        failure.is_late = is_reused and waited_s > LATE_AFTER_S
        self._fail(failure)

    @property
    def _is_request_sent(self) -> bool:
        return not (self._upload_cut or self._unsent or self._transport.get_write_buffer_size())

    def _send_rest(self) -> None:
        while self._unsent and not self._write_stalled:
            piece, rest = self._unsent[:WRITE_SLICE_BYTES], self._unsent[WRITE_SLICE_BYTES:]
            self._unsent = rest or _NOTHING  # an empty view would keep the whole body
            self._last_write_at = self._loop.time()
            self._transport.write(piece)

    # Deadlines.

    def check(self, now: float) -> None:
        """Fail the request if the provider is silent for too long, over its deadline, or takes nothing of the request."""
        if self._sink is None:
            self.due = inf
        elif self.paused_at is None and now >= min(self._deadline, self._last_read_at + self._idle_timeout_s):
            self._fail(UpstreamTimeout(f"{self.host} {self._timeout_message()}"))
        elif self._unsent_bytes and now >= self._write_due and self._is_upload_stuck(now):
            self._fail(UpstreamTimeout(f"{self.host} accepted no request data for {self._write_timeout_s:g} s"))
        else:
            self._watch()

    def _watch(self) -> None:
        due = inf if self.paused_at is not None else min(self._deadline, self._last_read_at + self._idle_timeout_s)
        self.due = due = min(due, self._write_due) if self._unsent_bytes else due
        if due < self._timer.next_sweep:
            self._timer.watch(self)

    def _timeout_message(self) -> str:
        if self._last_read_at + self._idle_timeout_s <= self._deadline:
            return f"sent no data for {self._idle_timeout_s:g} s"
        return "did not complete its response in time" if self._response_began else "did not respond in time"

    def _is_upload_stuck(self, now: float) -> bool:
        """Whether nothing that was unsent at the last check has gone out since."""
        before, self._unsent_bytes = self._unsent_bytes, len(self._unsent) + unsent_bytes(self._transport)
        self._write_due = now + self._write_timeout_s
        return self._unsent_bytes >= before
