"""Idle connections, kept a while for the next request on the same route."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from proxy.upstream.http1.connection import Connection
from proxy.upstream.http1.proxies import Route

IDLE = 15.0
"""Seconds; under the idle limits of the providers' front ends, so that it is seldom they who hang up."""
IDLE_PER_ROUTE = 256


@dataclass(slots=True)
class Shelf:
    """The idle connections of one route, oldest first."""

    connections: list[Connection] = field(default_factory=list)
    limit: int = IDLE_PER_ROUTE
    closed: bool = False

    def take(self) -> Connection | None:
        """The one idle for the shortest time; those that went bad or too old are closed on the way."""
        if not self.connections:
            return None
        now = asyncio.get_running_loop().time()
        while self.connections:
            connection = self.connections.pop()
            if now - connection.idle_since < IDLE and connection.usable:
                return connection
            connection.abort()
        return None

    def keep(self, connection: Connection) -> None:
        """Take a connection back, or close it where there are enough."""
        if self.closed or len(self.connections) >= self.limit:
            connection.abort()
        else:
            self.connections.append(connection)

    def forget(self, connection: Connection) -> None:
        """It was closed while it lay here, or elsewhere."""
        if connection in self.connections:
            self.connections.remove(connection)

    def sweep(self, before: float) -> None:
        """Close what has been idle since before that moment."""
        while self.connections and self.connections[0].idle_since < before:
            self.connections.pop(0).abort()

    def close(self) -> None:
        """Close all, and whatever comes back later."""
        self.closed = True
        self.sweep(float("inf"))


@dataclass(slots=True)
class Pool:
    """A shelf for each route, swept once per idle limit while there is anything to sweep."""

    _shelves: dict[Route, Shelf] = field(default_factory=dict, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)

    def shelf(self, route: Route) -> Shelf:
        """Where this route's connections are."""
        shelf = self._shelves.get(route)
        if shelf is None:
            shelf = self._shelves[route] = Shelf()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE, self._sweep)
        return shelf

    def close(self) -> None:
        """Close all idle connections, and the busy ones as they become idle."""
        if self._timer is not None:
            self._timer.cancel()
        for shelf in self._shelves.values():
            shelf.close()
        self._shelves.clear()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for shelf in self._shelves.values():
            shelf.sweep(loop.time() - IDLE)
        if any(shelf.connections for shelf in self._shelves.values()):
            self._timer = loop.call_later(IDLE, self._sweep)
