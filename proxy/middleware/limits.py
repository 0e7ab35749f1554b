"""How much is taken in at once; more is refused at once, not queued."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from msgspec import Meta

from proxy.config.quantities import Size
from proxy.errors import TooBusy, TooLarge
from proxy.exchange import Exchange, Handler
from proxy.messages import Response


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds the requests in hand and the bytes they hold, and reads the body within them."""

    max_inflight: Annotated[int, Meta(ge=1)] = 1000
    max_body: Size = Size(32 * 2**20)
    max_buffered: Size = Size(256 * 2**20)

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        load = exchange.services.load
        if load.requests >= self.max_inflight:
            raise _busy(f"{self.max_inflight} requests are in hand")
        load.requests += 1
        exchange.at_end(_leave)
        exchange.raw = await self.read(exchange)
        return await handler(exchange)

    async def read(self, exchange: Exchange) -> bytes:
        """The request's body. Raises TooLarge and TooBusy as soon as it is over a limit; counted until the exchange ends."""
        announced = exchange.request.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced[:20]) > self.max_body:
            raise self._too_large()
        exchange.at_end(_let_go)
        return await exchange.request.read(partial(self._hold, exchange))

    def _hold(self, exchange: Exchange, size: int) -> None:
        """Counts the body's parts as they come, so that what is held is bounded while it is still coming."""
        load = exchange.services.load
        if exchange.held + size > self.max_body:
            raise self._too_large()
        if load.buffered + size > self.max_buffered:
            raise _busy(f"{self.max_buffered} bytes of requests are held")
        exchange.held += size
        load.buffered += size

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body is over {int(self.max_body)} bytes")


def _busy(why: str) -> TooBusy:
    return TooBusy(f"the sidecar is full: {why}; try again", headers={"Retry-After": "1"})


def _leave(exchange: Exchange) -> None:
    exchange.services.load.requests -= 1


def _let_go(exchange: Exchange) -> None:
    exchange.services.load.buffered -= exchange.held
