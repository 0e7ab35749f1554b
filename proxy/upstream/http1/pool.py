"""Idle connections, kept a while for the next request on the same route."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from proxy.upstream.http1.connection import Connection
from proxy.upstream.http1.proxies import Route

IDLE_TIMEOUT_S = 15.0
"""Seconds; under the idle limits of the providers' front ends, so that it is seldom they who hang up."""
MAX_IDLE_PER_ROUTE = 256


@dataclass(slots=True)
class RoutePool:
    """The idle connections of one route, oldest first."""

    idle: list[Connection] = field(default_factory=list)
    limit: int = MAX_IDLE_PER_ROUTE
    closed: bool = False

    def acquire(self) -> Connection | None:
        """The one idle for the shortest time; those that went bad or too old are closed on the way."""
        if not self.idle:
            return None
        now = asyncio.get_running_loop().time()
        while self.idle:
            connection = self.idle.pop()
            if now - connection.idle_since < IDLE_TIMEOUT_S and connection.is_usable:
                return connection
            connection.abort()
        return None

    def release(self, connection: Connection) -> None:
        """Take a connection back, or close it where there are enough."""
        if self.closed or len(self.idle) >= self.limit:
            connection.abort()
        else:
            self.idle.append(connection)

    def remove(self, connection: Connection) -> None:
        """It was closed while it lay here, or elsewhere."""
        if connection in self.idle:
            self.idle.remove(connection)

    def close_idle_since(self, before: float) -> None:
        """Close what has been idle since before that moment."""
        while self.idle and self.idle[0].idle_since < before:
            self.idle.pop(0).abort()

    def close(self) -> None:
        """Close all, and whatever comes back later."""
        self.closed = True
        self.close_idle_since(float("inf"))


@dataclass(slots=True)
class Pool:
    """A shelf for each route, swept once per idle limit while there is anything to sweep."""

    _routes: dict[Route, RoutePool] = field(default_factory=dict, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)

    def for_route(self, route: Route) -> RoutePool:
        """Where this route's connections are."""
        shelf = self._routes.get(route)
        if shelf is None:
            shelf = self._routes[route] = RoutePool()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE_TIMEOUT_S, self._sweep)
        return shelf

    def close(self) -> None:
        """Close all idle connections, and the busy ones as they become idle."""
        if self._timer is not None:
            self._timer.cancel()
        for shelf in self._routes.values():
            shelf.close()
        self._routes.clear()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for shelf in self._routes.values():
            shelf.close_idle_since(loop.time() - IDLE_TIMEOUT_S)
        if any(shelf.idle for shelf in self._routes.values()):
            self._timer = loop.call_later(IDLE_TIMEOUT_S, self._sweep)
