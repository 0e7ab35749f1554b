"""A pool of idle connections by route (origin and forward proxy)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from proxy.upstream.http1.connection import Connection
from proxy.upstream.http1.proxies import Route

MAX_AGE_S = 300.0
"""An older connection is not used again, so that changes of a name's addresses are followed."""
IDLE_TIMEOUT_S = 15.0
"""Below the idle timeouts of the providers' front ends, so that they rarely close an idle connection first."""
MAX_IDLE_PER_ROUTE = 256


@dataclass(slots=True)
class RoutePool:
    """The idle connections of one route, oldest first."""

    idle: list[Connection] = field(default_factory=list)
    limit: int = MAX_IDLE_PER_ROUTE
    closed: bool = False

    def acquire(self, max_idle_s: float = IDLE_TIMEOUT_S) -> Connection | None:
        """Return the connection idle for the shortest time, or None if that is too long. Closes unusable and expired ones."""
        if not self.idle:
            return None
        now = asyncio.get_running_loop().time()
        while self.idle and now - self.idle[-1].idle_since < max_idle_s:
            connection = self.idle.pop()
            if now - connection.opened_at < MAX_AGE_S and connection.is_usable:
                return connection
            connection.abort()
        self.close_idle_since(now - IDLE_TIMEOUT_S)
        return None

    def release(self, connection: Connection) -> None:
        """Keep an idle connection, or close it if it is too old, the pool is full or closed, or descriptors are scarce."""
        is_old = connection.idle_since - connection.opened_at >= MAX_AGE_S
        if self.closed or is_old or len(self.idle) >= self.limit or connection.is_scarce:
            connection.abort()
        else:
            self.idle.append(connection)

    def remove(self, connection: Connection) -> None:
        """Drop a closed connection, whether it is in the pool or not."""
        if connection in self.idle:
            self.idle.remove(connection)

    def close_idle_since(self, before: float) -> None:
        """Close connections idle since before that `loop.time()`."""
        while self.idle and self.idle[0].idle_since < before:
            self.idle.pop(0).abort()

    def close(self) -> None:
        """Close all idle connections, and every connection released later."""
        self.closed = True
        self.close_idle_since(float("inf"))


@dataclass(slots=True)
class Pool:
    """The idle connections by route. Expired ones are closed by a timer, which runs only while there are any."""

    _routes: dict[Route, RoutePool] = field(default_factory=dict, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)

    def for_route(self, route: Route) -> RoutePool:
        """Return the pool of a route, creating it if needed."""
        pool = self._routes.get(route)
        if pool is None:
            pool = self._routes[route] = RoutePool()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE_TIMEOUT_S, self._sweep)
        return pool

    def close(self) -> None:
        """Close all idle connections, and the others when they become idle."""
        if self._timer is not None:
            self._timer.cancel()
        for pool in self._routes.values():
            pool.close()
        self._routes.clear()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for pool in self._routes.values():
            pool.close_idle_since(loop.time() - IDLE_TIMEOUT_S)
        if any(pool.idle for pool in self._routes.values()):
            self._timer = loop.call_later(IDLE_TIMEOUT_S, self._sweep)
