"""Counts what requests hold in memory, against one limit of the whole process (`limits: max_buffered`)."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from proxy.errors import OverloadedError


@dataclass(slots=True)
class Load:
    """How much is in flight now."""

    requests: int = 0
    buffered_bytes: int = 0
    """Bytes held in memory: request bodies, their parsed values, and what of responses is not sent yet."""


class MemoryAccount:
    """What one request holds of it."""

    __slots__ = ("_held", "_limit", "_load")

    def __init__(self, load: Load, limit: float) -> None:
        self._load = load
        self._limit = limit
        self._held = 0

    @property
    def limit(self) -> float:
        """The bytes that all requests together may hold."""
        return self._limit

    def hold(self, size: int) -> None:
        """Count bytes before they are kept. Raises OverloadedError if that is over the limit, and counts nothing then."""
        if self._load.buffered_bytes + size > self._limit:
            message = f"the sidecar is overloaded: {self._limit} bytes are held in memory; try again"
            raise OverloadedError(message, headers={"Retry-After": "1"})
        self._held += size
        self._load.buffered_bytes += size

    def release(self, size: int) -> None:
        """Count bytes no longer, which were counted by `hold`."""
        self._held -= size
        self._load.buffered_bytes -= size

    def close(self) -> None:
        """Count nothing of the request any longer, nor what is still held or released after this."""
        self._load.buffered_bytes -= self._held
        self._load = _CLOSED


_CLOSED = Load()
UNLIMITED = MemoryAccount(Load(), inf)
"""Of requests that are not limited."""
