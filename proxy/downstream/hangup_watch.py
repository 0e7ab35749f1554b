"""Notices that a peer has disconnected while its connection is not read, which the event loop does not report."""

from __future__ import annotations

import asyncio
from math import inf

from proxy.deadline_timer import DeadlineTimer
from proxy.socket_state import is_hung_up

INTERVAL_S = 0.05
"""How often a connection that is not read is checked."""


class HangupWatch:
    """Aborts one connection if its peer disconnects while reading is paused. Implements `deadline_timer.Watched`."""

    __slots__ = ("_loop", "_timer", "_transport", "due")

    def __init__(self, timer: DeadlineTimer, loop: asyncio.AbstractEventLoop) -> None:
        self.due = inf
        self._loop = loop
        self._timer = timer
        self._transport: asyncio.Transport | None = None

    def start(self, transport: asyncio.Transport) -> None:
        """Check the connection, whose reading was paused, until it is read again or closed."""
        self._transport, self.due = transport, self._loop.time() + INTERVAL_S
        self._timer.watch(self)

    def check(self, now: float) -> None:
        """Abort the connection if the peer is gone."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.is_reading():
            self._transport, self.due = None, inf
            self._timer.unwatch(self)
            return
        self.due = now + INTERVAL_S
        if is_hung_up(transport.get_extra_info("socket").fileno()):
            transport.abort()
