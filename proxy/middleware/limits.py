"""Limits how much is taken in at a time: what is over a limit is refused at once, not queued."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf
from sys import maxsize
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from proxy.cgroup import memory_limit
from proxy.config.units import AutoOrCount, Size
from proxy.errors import OverloadedError, RequestTooLargeError
from proxy.exchange import Exchange
from proxy.memory_account import MemoryAccount

AUTO = -1
_UNMETERED_BYTES = 100 * 10**6
"""Of a container's memory: the process at rest, and what the limit does not count."""
_LEAST_BUFFERED, _MOST_BUFFERED = 16 * 2**20, 256 * 2**20


class AutoOrSize(int):
    """Bytes, or AUTO. Written `auto`, or a size."""

    expected = "auto, or a size such as 64KiB or 32MiB"
    schema: ClassVar[dict[str, Any]] = {"anyOf": [{"enum": ["auto"]}, Size.schema]}

    @classmethod
    def parse(cls, text: str) -> AutoOrSize:
        """Parse it. Raises ValueError if it is neither."""
        return cls(AUTO if text == "auto" else Size.parse(text))

    @property
    def written(self) -> str:
        """How the file writes it."""
        return "auto" if self == AUTO else Size(self).written


def auto_max_buffered(container_bytes: int | None) -> int:
    """Return the limit for a container with that much memory: RSS may grow to three times the limit and 100 MB."""
    share = inf if container_bytes is None else (container_bytes - _UNMETERED_BYTES) / 4
    return int(min(max(share, _LEAST_BUFFERED), _MOST_BUFFERED))


@dataclass(frozen=True)  # without slots, for the cached properties
class Limits:
    """Bounds the requests in flight and what they hold. The body is read between `before` and `admit`."""

    max_inflight: Annotated[int, Meta(ge=1)] = 1000
    """Concurrent requests. Further requests get a 503. A request whose body is still arriving, and a client of the health
    stream, does not count."""
    max_body: Size = Size(32 * 2**20)
    """Size of one request body, at most half of `max_buffered`. A larger one gets a 413."""
    max_buffered: AutoOrSize = AutoOrSize(AUTO)
    """Bytes held in memory together: request bodies, their parsed values (64 bytes each) and parts of responses that are
    not sent yet. Beyond it: 503. `auto` is (memory limit of the container - 100 MB) / 4, at least 16 MiB and at most
    256 MiB, which it is without a container limit."""
    max_values: Annotated[int, Meta(ge=1)] = 200_000
    """JSON values in one body, of which an array or object counts as eight. More get a 400 before they are parsed. The
    JSON in the arguments of one tool call, which is text in the body, may have 200,000."""
    max_upload: Size = Size(512 * 2**20)
    """Size of a form with files, which is not held in memory but for its beginning. A larger one gets a 413."""
    max_connections: AutoOrCount = AutoOrCount(0)
    """Open connections of clients. Further ones get a 503 and are closed. `auto`, which is also the maximum, is half of
    the file descriptors."""

    @classmethod
    def off(cls) -> Limits:
        """Return limits that nothing reaches, but for the listener's number of connections."""
        return cls(maxsize, Size(maxsize), AutoOrSize(maxsize), maxsize, Size(maxsize))

    @cached_property
    def buffer_limit(self) -> int:
        """The bytes that `max_buffered` comes to."""
        return auto_max_buffered(memory_limit()) if self.max_buffered == AUTO else self.max_buffered

    @cached_property
    def body_limit(self) -> int:
        """The bytes that `max_body` comes to."""
        return min(self.max_body, self.buffer_limit // 2)

    def before(self, exchange: Exchange) -> None:
        """Refuse what cannot be served now. Raises OverloadedError, and RequestTooLargeError for the announced length."""
        load = exchange.runtime.load
        if load.requests >= self.max_inflight:
            raise self._full()
        announced = exchange.request.headers.get("Content-Length", "")
        most = self.max_upload if exchange.boundary else self.body_limit
        if announced.isdecimal() and int(announced[:20]) > most:
            raise _too_large(most)
        exchange.memory, exchange.max_values = MemoryAccount(load, self.buffer_limit), self.max_values
        exchange.max_form_bytes = self.body_limit
        exchange.reserve = self.reserve

    def admit(self, exchange: Exchange) -> None:
        """Count the request, whose body has arrived: a slow upload must not keep others out. Raises OverloadedError."""
        load = exchange.runtime.load
        if load.requests >= self.max_inflight:
            raise self._full()
        load.requests += 1
        exchange.is_admitted = True

    def reserve(self, exchange: Exchange, size: int) -> None:
        """Count `size` bytes of the body before they are kept. Raises RequestTooLargeError and OverloadedError."""
        most = self.max_upload if exchange.boundary else self.body_limit
        if exchange.body_bytes + size > most:
            raise _too_large(most)
        if not exchange.boundary:
            exchange.memory.hold(size)
        exchange.body_bytes += size

    def closed(self, exchange: Exchange) -> None:
        """Release what was counted."""
        exchange.runtime.load.requests -= exchange.is_admitted
        exchange.memory.close()

    def _full(self) -> OverloadedError:
        message = f"the sidecar is overloaded: {self.max_inflight} requests are in flight; try again"
        return OverloadedError(message, headers={"Retry-After": "1"})


def _too_large(limit: int) -> RequestTooLargeError:
    return RequestTooLargeError(f"the body is over {limit} bytes")
