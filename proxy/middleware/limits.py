"""How much is taken in at once; more is refused at once, not queued."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from msgspec import Meta

from proxy.config.units import Size
from proxy.errors import OverloadedError, RequestTooLargeError
from proxy.exchange import Exchange, Handler
from proxy.messages import Response


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds the requests in hand and the bytes they hold, and reads the body within them."""

    max_inflight: Annotated[int, Meta(ge=1)] = 1000
    max_body: Size = Size(32 * 2**20)
    max_buffered: Size = Size(256 * 2**20)

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        load = exchange.runtime.load
        if load.requests >= self.max_inflight:
            raise _busy(f"{self.max_inflight} requests are in hand")
        load.requests += 1
        exchange.on_close(_leave)
        exchange.raw = await self.read(exchange)
        return await handler(exchange)

    async def read(self, exchange: Exchange) -> bytes:
        """Read the request's body. Raises RequestTooLargeError and OverloadedError as soon as it is over a limit."""
        announced = exchange.request.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced[:20]) > self.max_body:
            raise self._too_large()
        exchange.on_close(_let_go)
        return await exchange.request.read(partial(self._hold, exchange))

    def _hold(self, exchange: Exchange, size: int) -> None:
        """Counts the body's parts as they come, so that what is held is bounded while it is still coming."""
        load = exchange.runtime.load
        if exchange.buffered_bytes + size > self.max_body:
            raise self._too_large()
        if load.buffered_bytes + size > self.max_buffered:
            raise _busy(f"{self.max_buffered} bytes of requests are held")
        exchange.buffered_bytes += size
        load.buffered_bytes += size

    def _too_large(self) -> RequestTooLargeError:
        return RequestTooLargeError(f"the body is over {int(self.max_body)} bytes")


def _busy(why: str) -> OverloadedError:
    return OverloadedError(f"the sidecar is full: {why}; try again", headers={"Retry-After": "1"})


def _leave(exchange: Exchange) -> None:
    exchange.runtime.load.requests -= 1


def _let_go(exchange: Exchange) -> None:
    exchange.runtime.load.buffered_bytes -= exchange.buffered_bytes
