"""How much is taken in at once; more is refused at once, not queued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from proxy.config.quantities import Size
from proxy.errors import TooBusy
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
        if load.buffered >= self.max_buffered:
            raise _busy(f"{self.max_buffered} bytes of requests are held")
        exchange.raw = await exchange.request.read(self.max_body)
        load.buffered += len(exchange.raw)
        exchange.at_end(_let_go)
        return await handler(exchange)


def _busy(why: str) -> TooBusy:
    return TooBusy(f"the sidecar is full: {why}; try again", headers={"Retry-After": "1"})


def _leave(exchange: Exchange) -> None:
    exchange.services.load.requests -= 1


def _let_go(exchange: Exchange) -> None:
    exchange.services.load.buffered -= len(exchange.raw)
