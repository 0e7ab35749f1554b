"""The caller's side of a stream: pings while nothing comes, and an end that says whether it is one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from math import inf
from typing import Any

import orjson

from proxy.alarm import Alarm
from proxy.config.quantities import Seconds
from proxy.errors import Disconnected, UpstreamFailure
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Body, Response
from proxy.sse import encode

PING = b": ping\n\n"
DONE = encode(b"[DONE]")
LINGER = 1.0
"""Seconds that a complete answer may go on for its usage and its `[DONE]`."""


@dataclass(frozen=True, slots=True)
class SsePassthrough:
    """Streams pass; a stream that was cut ends with an error event, never as if it were whole."""

    ping: Seconds = Seconds(15)

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        response = await handler(exchange)
        if exchange.serving is not None and not isinstance(response.body, bytes):
            response.body = Passage(response.body, exchange, self.ping)
        return response


class Passage:
    """The body as the caller gets it: whole events, pings between them, and a true end."""

    def __init__(self, source: Body, exchange: Exchange, ping: float) -> None:
        self._source = source
        self._exchange = exchange
        self._ping = ping
        self._over = False
        self._quiet = Quiet(asyncio.get_running_loop())

    @property
    def _attempt(self) -> Attempt:
        """Whoever serves now: an answer that was cut may go on elsewhere."""
        assert self._exchange.serving is not None
        return self._exchange.serving

    async def read(self) -> bytes:
        if self._over:
            return b""
        complete = self._attempt.answer.complete
        try:
            data = await self._quiet.unless(LINGER if complete else self._ping, self._source.read())
        except TimeoutError:
            return self._ended() if complete else PING
        except UpstreamFailure as failure:
            return self._ended(failure)
        if not data:
            return self._ended()
        seen = self._attempt.answer  # only now: while we waited, another may have taken over
        if seen.done or seen.error:
            return data + self._ended()  # a provider may keep the connection open; nothing more can come
        return data

    def close(self) -> None:
        self._quiet.stop()
        self._source.close()

    def _ended(self, failure: UpstreamFailure | None = None) -> bytes:
        """The last bytes: `[DONE]` if a finish reason was seen, an error event if not."""
        self._over = True
        seen = self._attempt.answer
        if seen.complete or seen.error:
            self._finish("answer_error" if seen.error else "ok")
            return b"" if seen.done or seen.error else DONE
        name = self._attempt.step.target.provider.name
        failure = failure or Disconnected(f"{name} ended the stream before the answer was whole")
        self._finish(failure.outcome)
        return encode(orjson.dumps({"error": failure.members()}))

    def _finish(self, outcome: str) -> None:
        if self._attempt.outcome is None:
            self._attempt.outcome = outcome


class Quiet:
    """Ends one wait after another that lasts too long, with one timer for all of them (asyncio.timeout sets one each)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._until = inf
        self._rang = False
        self._task: asyncio.Task[Any] | None = None
        self._alarm = Alarm(loop, lambda: self._until, self._ring)

    async def unless(self, seconds: float, reading: Awaitable[bytes]) -> bytes:
        """What `reading` gives; TimeoutError, and `reading` cancelled, after that many seconds."""
        self._task = asyncio.current_task()
        self._until = self._loop.time() + seconds
        self._alarm.heed()
        try:
            return await reading
        except asyncio.CancelledError:
            # Cancelled by nobody else: the count that our own call raised goes back to what it was.
            if self._rang and self._task is not None and self._task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            self._until, self._rang = inf, False

    def stop(self) -> None:
        """No more ringing."""
        self._alarm.stop()

    def _ring(self) -> None:
        if self._task is not None:
            self._rang, self._until = True, inf
            self._task.cancel()
