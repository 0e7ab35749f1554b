"""The caller's side of a stream: pings while nothing comes, and an end that says whether it is one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import orjson

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
            response.body = Passage(response.body, exchange.serving, self.ping)
        return response


@dataclass(slots=True)
class Passage:
    """The body as the caller gets it: whole events, pings between them, and a true end."""

    source: Body
    attempt: Attempt
    ping: float
    _over: bool = field(default=False, init=False)

    async def read(self) -> bytes:
        seen = self.attempt.answer
        if self._over or seen.error or (seen.done and seen.complete):
            self._finish("answer_error" if seen.error else "ok")
            return b""
        if seen.done:
            return self._ended()
        try:
            async with asyncio.timeout(LINGER if seen.complete else self.ping):
                data = await self.source.read()
        except TimeoutError:
            return self._ended() if seen.complete else PING
        except UpstreamFailure as failure:
            return self._ended(failure)
        return data or self._ended()

    def close(self) -> None:
        self.source.close()

    def _ended(self, failure: UpstreamFailure | None = None) -> bytes:
        """The last bytes: `[DONE]` if a finish reason was seen, an error event if not."""
        self._over = True
        seen = self.attempt.answer
        if seen.complete or seen.error:
            return b"" if seen.done or seen.error else DONE
        failure = failure or Disconnected(
            f"{self.attempt.step.target.provider.name} ended the stream before the answer was whole"
        )
        self._finish(failure.outcome)
        return encode(orjson.dumps({"error": failure.members()}))

    def _finish(self, outcome: str) -> None:
        if self.attempt.outcome is None:
            self.attempt.outcome = outcome
