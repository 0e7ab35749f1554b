"""Closes the connection of a peer that takes nothing of what is sent to it."""

from __future__ import annotations

import asyncio
from math import inf

from proxy.deadline_timer import DeadlineTimer
from proxy.socket_state import unsent_bytes

STALL_TIMEOUT_S = 60.0
"""How long a peer may take nothing. It is noticed up to `INTERVAL_S` later."""
INTERVAL_S = 15.0
"""How often a connection with unsent data is looked at."""


class StallWatch:
    """Aborts one connection if its peer stalls while data waits to be sent. Implements `deadline_timer.Watched`."""

    __slots__ = ("_least", "_loop", "_progressed_at", "_timer", "_transport", "due")

    def __init__(self, timer: DeadlineTimer, loop: asyncio.AbstractEventLoop) -> None:
        self.due = inf
        self._loop = loop
        self._timer = timer
        self._transport: asyncio.Transport | None = None
        self._least: float = inf
        """The fewest bytes that were unsent."""
        self._progressed_at = 0.0

    def start(self, transport: asyncio.Transport) -> None:
        """Look at the connection until its data is sent, or `stop`. What is written in the next seconds counts too."""
        if self._transport is None:
            self._transport, self._least = transport, inf
            self.due = self._loop.time() + INTERVAL_S
            self._timer.watch(self)

    def stop(self) -> None:
        """Look at the connection no longer."""
        if self._transport is not None:
            self._transport, self.due = None, inf
            self._timer.unwatch(self)

    def check(self, now: float) -> None:
        """Abort the connection if nothing more of the data was taken for too long."""
        transport = self._transport
        if transport is None or not transport.get_write_buffer_size():
            self.stop()
            return
        self.due = now + INTERVAL_S
        if (unsent := unsent_bytes(transport)) < self._least:
            self._least, self._progressed_at = unsent, now
        elif now - self._progressed_at >= STALL_TIMEOUT_S:
            transport.abort()
