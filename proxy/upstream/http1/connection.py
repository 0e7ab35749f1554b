"""One connection to a provider: one question at a time, one answer to each."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Protocol, cast

from proxy.alarm import Alarm
from proxy.errors import BadAnswer, Disconnected, Silent, UpstreamFailure
from proxy.upstream.http1.incoming import Http1Incoming
from proxy.upstream.http1.parser import AnswerParser

SLICE = 256 * 1024
"""Bytes of a body given to the socket at a time."""

_NOTHING = memoryview(b"")


class Stale(Disconnected):
    """A kept connection closed before the first byte of an answer: the provider had most likely hung up before."""


class Keeper(Protocol):
    """Who takes a connection back."""

    def keep(self, connection: Connection) -> None:
        """It is idle and may be used again."""

    def forget(self, connection: Connection) -> None:
        """It is closed."""


class Connection(asyncio.Protocol):
    """While `_incoming` is None it is idle, and a byte that comes then makes it unusable."""

    __slots__ = (
        "_alarm", "_asked", "_backlog", "_begun", "_blocked", "_cut", "_heard", "_incoming", "_keeper", "_loop",
        "_parser", "_paused_at", "_readable", "_transport", "_unsent", "_write_due", "_write_timeout", "host",
        "idle_since",
    )  # fmt: skip

    def __init__(self, host: str, keeper: Keeper, write_timeout: float) -> None:
        self.host = host
        self.idle_since = 0.0
        self._keeper = keeper
        self._write_timeout = write_timeout
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop, self._due, self._ring)
        self._parser = AnswerParser()
        self._incoming: Http1Incoming | None = None
        self._asked = 0
        self._begun = False
        self._heard = 0.0
        self._paused_at: float | None = None
        self._unsent = _NOTHING
        self._cut = False
        self._blocked = False
        self._backlog = 0
        self._write_due = inf

    # What the transport does with it.

    def ask(self, head: bytes, body: bytes, answer_timeout: float) -> Http1Incoming:
        """Send a request; the answer must begin within `answer_timeout` seconds."""
        now = self._loop.time()
        self._parser.expect()
        self._asked += 1
        self._begun = False
        self._heard = now
        self._backlog, self._write_due = len(head) + len(body), now + self._write_timeout
        self._incoming = incoming = Http1Incoming(self._loop, self, now + answer_timeout)
        if self._transport.is_closing():
            self._lost(None)
            return incoming
        # One write, so that head and body leave in one segment where they fit.
        self._transport.write(head + body[:SLICE])
        if len(body) > SLICE:
            self._unsent = memoryview(body)[SLICE:]
            self._send_on()
        self._alarm.heed()
        return incoming

    @property
    def usable(self) -> bool:
        """Open and quiet: bytes or an end that the loop has not told us of yet count too."""
        return not (self._transport.is_closing() or self._readable())

    def abort(self) -> None:
        """Close at once; what was not sent is dropped."""
        self._incoming = None
        self._unsent = _NOTHING
        self._alarm.stop()
        self._transport.abort()

    # What its answer does with it.

    def pause(self) -> None:
        if self._paused_at is None:
            self._paused_at = self._loop.time()
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused_at is not None:
            self._heard = self._loop.time()
            if self._incoming is not None:
                self._incoming.extend(self._heard - self._paused_at)
            self._paused_at = None
            self._transport.resume_reading()
            self._alarm.heed()

    def heed(self) -> None:
        self._alarm.heed()

    # What the event loop does with it.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._readable = _readable(transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        incoming, parser = self._incoming, self._parser
        if incoming is None:
            self.abort()
            return
        self._heard = self._loop.time()
        self._begun = True
        parser.feed(data)
        if not incoming.answered and parser.headers is not None:
            self._answered(incoming)
        if parser.body:
            incoming.add(parser.body, len(data))
            parser.body.clear()
        if parser.complete:
            self._finish()
        elif parser.flaw is not None:
            self._fail(BadAnswer(f"{self.host} sent no valid HTTP answer: {parser.flaw}"))

    def connection_lost(self, error: Exception | None) -> None:
        self._alarm.stop()
        self._lost(error)
        self._parser.close()
        self._keeper.forget(self)

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._send_on()

    # How an exchange goes on, and ends.

    def _answered(self, incoming: Http1Incoming) -> None:
        parser = self._parser
        assert parser.headers is not None
        if parser.status >= 400:
            # Refused before it was all sent: the rest would only fill the connection (RFC 9112, 9.5).
            self._cut = bool(self._unsent)
            self._unsent = _NOTHING
        # From here on silence is what counts, not how much of the request is still wanted.
        self._backlog = 0
        incoming.begin(parser.status, parser.headers)

    def _finish(self) -> None:
        incoming, self._incoming = self._incoming, None
        assert incoming is not None
        parser = self._parser
        self.resume()
        if parser.keep_alive and self._sent and not parser.surplus and not self._transport.is_closing():
            self.idle_since = self._heard
            self._keeper.keep(self)
        else:
            self.abort()
        incoming.finish()

    def _fail(self, failure: UpstreamFailure) -> None:
        incoming = self._incoming
        assert incoming is not None
        self.abort()
        incoming.fail(failure)

    def _lost(self, error: Exception | None) -> None:
        if self._incoming is None:
            return
        if error is None and self._parser.until_close:
            self._finish()
            return
        kind = Stale if self._asked > 1 and not self._begun else Disconnected
        where = "in the middle of its answer" if self._incoming.answered else "before it answered"
        self._fail(kind(f"{self.host} {'closed' if error is None else 'broke'} the connection {where}"))

    @property
    def _sent(self) -> bool:
        return not (self._cut or self._unsent or self._transport.get_write_buffer_size())

    def _send_on(self) -> None:
        while self._unsent and not self._blocked:
            piece, self._unsent = self._unsent[:SLICE], self._unsent[SLICE:]
            self._transport.write(piece)

    # Deadlines.

    def _due(self) -> float:
        if self._incoming is None:
            return inf
        due = inf if self._paused_at is not None else self._incoming.due(self._heard)
        return min(due, self._write_due) if self._backlog else due

    def _ring(self) -> None:
        now = self._loop.time()
        assert self._incoming is not None
        if not (self._backlog and self._write_due <= now):
            self._fail(Silent(f"{self.host} {self._incoming.complaint(self._heard)}"))
        elif self._stuck(now):
            self._fail(Silent(f"{self.host} took nothing of the request for {self._write_timeout:g} s"))

    def _stuck(self, now: float) -> bool:
        """Nothing of what was left at the last look has gone out since."""
        before, self._backlog = self._backlog, len(self._unsent) + self._transport.get_write_buffer_size()
        self._write_due = now + self._write_timeout
        return self._backlog >= before


def _readable(fd: int) -> Callable[[], object]:
    """Asks the system itself whether something has come, without taking it."""
    if not hasattr(select, "poll"):
        return lambda: select.select([fd], [], [], 0)[0]
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return partial(poll.poll, 0)
