"""Limits how much is taken in at a time: what is over a limit is refused at once, not queued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from proxy.config.units import Size
from proxy.errors import OverloadedError, RequestTooLargeError
from proxy.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds the requests in flight and the bytes of their bodies. The body is read between `before` and the next phase."""

    max_inflight: Annotated[int, Meta(ge=1)] = 1000
    max_body: Size = Size(32 * 2**20)
    max_buffered: Size = Size(256 * 2**20)

    def before(self, exchange: Exchange) -> None:
        """Count the request. Raises OverloadedError, and RequestTooLargeError for the announced length."""
        load = exchange.runtime.load
        if load.requests >= self.max_inflight:
            raise _overloaded(f"{self.max_inflight} requests are in flight")
        announced = exchange.request.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced[:20]) > self.max_body:
            raise self._too_large()
        load.requests += 1
        exchange.reserve = self.reserve

    def reserve(self, exchange: Exchange, size: int) -> None:
        """Count `size` bytes of the body before they are kept. Raises RequestTooLargeError and OverloadedError."""
        load = exchange.runtime.load
        if exchange.buffered_bytes + size > self.max_body:
            raise self._too_large()
        if load.buffered_bytes + size > self.max_buffered:
            raise _overloaded(f"{self.max_buffered} bytes of requests are held")
        exchange.buffered_bytes += size
        load.buffered_bytes += size

    def closed(self, exchange: Exchange) -> None:
        """Release what was counted."""
        load = exchange.runtime.load
        load.requests -= 1
        load.buffered_bytes -= exchange.buffered_bytes

    def _too_large(self) -> RequestTooLargeError:
        return RequestTooLargeError(f"the body is over {int(self.max_body)} bytes")


def _overloaded(reason: str) -> OverloadedError:
    return OverloadedError(f"the sidecar is overloaded: {reason}; try again", headers={"Retry-After": "1"})
