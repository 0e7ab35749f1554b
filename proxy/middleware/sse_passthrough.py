"""The caller's side of a stream: pings while nothing comes, and an end that says whether it is one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import orjson

from proxy.attempts.settings import AUTO, OFF, AutoOrDuration
from proxy.config.units import Seconds
from proxy.deadline_timer import DeadlineTimer
from proxy.errors import ParrotError, UpstreamDisconnected, UpstreamError
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Body, Response
from proxy.sse import encode

PING = b": ping\n\n"
DONE = encode(b"[DONE]")
TRAILER_TIMEOUT_S = 1.0
"""Seconds that a complete answer may go on for its usage and its `[DONE]`."""


@dataclass(frozen=True, slots=True)
class SsePassthrough:
    """Streams pass; a stream that was cut ends with an error event, never as if it were whole."""

    ping: Seconds = Seconds(15)
    early_commit: AutoOrDuration = AutoOrDuration(OFF)
    """After so long without content the caller gets its 200 and pings; whatever fails then is an error in the stream."""

    def __post_init__(self) -> None:
        if self.early_commit == AUTO:
            raise ValueError("early_commit: expected off, or a duration such as 10s")

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        if self.early_commit != OFF and exchange.facts.stream:
            return await self._committed(exchange, handler)
        return self._passing(exchange, await handler(exchange))

    def _passing(self, exchange: Exchange, response: Response) -> Response:
        if exchange.winning_attempt is not None and not isinstance(response.body, bytes):
            response.body = ClientStream(response.body, exchange, self.ping)
        return response

    async def _committed(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        """The answer, if it begins in time; else the beginning of one, and the rest when it comes."""
        coming = asyncio.ensure_future(handler(exchange))
        try:
            await asyncio.wait({coming}, timeout=self.early_commit)
        except BaseException:
            _let_go(coming)
            raise
        if coming.done():
            return self._passing(exchange, coming.result())
        exchange.headers_sent_early = True
        return Response(
            200, {}, EarlyCommitStream(coming, lambda response: self._passing(exchange, response), self.ping)
        )


class EarlyCommitStream:
    """A stream that has begun for the caller before any provider has begun to answer."""

    def __init__(self, coming: asyncio.Future[Response], passing: Callable[[Response], Response], ping: float) -> None:
        self._coming = coming
        self._passing = passing
        self._ping = ping
        self._begun = False
        self._body: Body | None = None
        self._over = False

    async def read(self) -> bytes:
        if self._body is not None:
            return await self._body.read()
        if self._over:
            return b""
        if self._begun:
            await asyncio.wait({self._coming}, timeout=self._ping)
        self._begun = True
        return await self._opened() if self._coming.done() else PING

    async def _opened(self) -> bytes:
        """The first of the answer, or why there will be none."""
        try:
            response = self._passing(self._coming.result())
        except ParrotError as error:
            self._over = True
            return encode(orjson.dumps({"error": error.members()}))
        assert not isinstance(response.body, bytes)
        self._body = response.body
        return await self._body.read()

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
        else:
            _let_go(self._coming)


def _let_go(coming: asyncio.Future[Response]) -> None:
    """Of an answer that nobody waits for any more, whether it has come or not."""
    if coming.done() and not coming.cancelled() and coming.exception() is None:
        coming.result().close()
    else:
        coming.cancel()


class ClientStream:
    """The body as the caller gets it: whole events, pings between them, and a true end."""

    def __init__(self, source: Body, exchange: Exchange, ping: float) -> None:
        self._source = source
        self._exchange = exchange
        self._ping = ping
        self._over = False
        self._awaiting_trailer = self._attempt.completion.awaits_only_trailer
        self._idle_timer = IdleTimer(asyncio.get_running_loop())

    @property
    def _attempt(self) -> Attempt:
        """Whoever serves now: an answer that was cut may go on elsewhere."""
        assert self._exchange.winning_attempt is not None
        return self._exchange.winning_attempt

    async def read(self) -> bytes:
        if self._over:
            return b""
        lingers = self._awaiting_trailer
        self._idle_timer.begin(TRAILER_TIMEOUT_S if lingers else self._ping)
        try:
            data = await self._source.read()
        except asyncio.CancelledError:
            if not self._idle_timer.expired():
                raise
            return self._ended() if lingers else PING
        except UpstreamError as failure:
            return self._ended(failure)
        finally:
            self._idle_timer.end()
        seen = self._attempt.completion  # only now: while we waited, another may have taken over
        if not data:
            return self._ended()
        if seen.done or seen.error:
            return data + self._ended()  # a provider may keep the connection open; nothing more can come
        self._awaiting_trailer = seen.awaits_only_trailer
        return data

    def close(self) -> None:
        self._idle_timer.stop()
        self._source.close()

    def _ended(self, failure: UpstreamError | None = None) -> bytes:
        """The last bytes: `[DONE]` if every choice has its finish reason, an error event if not."""
        self._over = True
        seen = self._attempt.completion
        is_whole = seen.complete if failure is None else seen.all_choices_finished
        if is_whole or seen.error:
            self._finish("answer_error" if seen.error else "ok")
            return b"" if seen.done or seen.error else DONE
        name = self._attempt.step.target.provider.name
        failure = failure or UpstreamDisconnected(f"{name} ended the stream before the answer was whole")
        self._finish(failure.outcome)
        return encode(orjson.dumps({"error": failure.members()}))

    def _finish(self, outcome: str) -> None:
        if self._attempt.outcome is None:
            self._attempt.outcome = outcome


class IdleTimer:
    """Ends one wait after another that lasts too long, with one timer for all of them (asyncio.timeout sets one each)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._until = inf
        self._expired = False
        self._task: asyncio.Task[Any] | None = None
        self._alarm = DeadlineTimer(loop, lambda: self._until, self._ring)

    def begin(self, seconds: float) -> None:
        """The task of the moment is about to wait; after that many seconds it is cancelled."""
        self._task = asyncio.current_task(self._loop)
        before, self._until = self._until, self._loop.time() + seconds
        if self._until < before:  # else the alarm is set already, and looks again when it rings
            self._alarm.reschedule()

    def expired(self) -> bool:
        """Whether it was this that cancelled the wait, and nobody else did: then it is as if nobody had."""
        # The count that our own call raised goes back to what it was.
        return self._expired and self._task is not None and self._task.uncancel() == 0

    def end(self) -> None:
        """The wait is over."""
        self._task, self._expired = None, False

    def stop(self) -> None:
        """No more ringing."""
        self._until = inf
        self._alarm.stop()

    def _ring(self) -> None:
        self._until = inf
        if self._task is not None:
            self._expired = True
            self._task.cancel()
