"""The way to providers over HTTP/1.1, with connections of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf

from proxy.messages import Outgoing
from proxy.upstream.http1.connection import Connection, Stale
from proxy.upstream.http1.dial import Dialer, check_authorities, trust
from proxy.upstream.http1.head import head
from proxy.upstream.http1.incoming import Http1Incoming
from proxy.upstream.http1.origin import Origin, locate
from proxy.upstream.http1.pool import Pool
from proxy.upstream.http1.proxies import Proxies, Route


@dataclass(slots=True)
class Http1Transport:
    """Sends requests over kept or new connections; it holds no more of a caller than the open exchange."""

    dialer: Dialer
    proxies: Proxies = Proxies({})
    write_timeout: float = 30.0
    """Seconds in which something of a request must go out as long as not all has; noticed within two of them."""
    _pool: Pool = field(default_factory=Pool, init=False)
    _routes: dict[Origin, Route] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, environ: Mapping[str, str], ca_file: str | None = None) -> Http1Transport:
        """With the environment's proxies, and trust in that file or the system.

        Raises EnvironmentValueError, and OSError for the file."""
        check_authorities(environ)
        return cls(Dialer(trust(ca_file)), Proxies.parse(environ))

    async def send(self, request: Outgoing, *, connect_timeout: float, answer_timeout: float = inf) -> Http1Incoming:
        """Send it whole; status and headers are in when this returns.

        Raises UpstreamFailure, and ResourceExhaustedError where no connection can be opened here."""
        target = locate(request.url)
        route = self._route(target.origin)
        opening = head(request, target, route)
        shelf = self._pool.shelf(route)
        if (kept := shelf.take()) is not None:
            try:
                return await _ask(kept, opening, request.body, answer_timeout)
            except Stale:
                # It was closed behind our back: sent once more, and only once, because a new connection is never stale.
                pass
        make = partial(Connection, target.origin.host, shelf, self.write_timeout)
        fresh = await self.dialer.dial(route, make, connect_timeout)
        return await _ask(fresh, opening, request.body, answer_timeout)

    def close(self) -> None:
        """Close the idle connections, and the others as their answers end."""
        self._pool.close()

    def _route(self, origin: Origin) -> Route:
        route = self._routes.get(origin)
        if route is None:
            route = self._routes[origin] = self.proxies.route(origin)
        return route


async def _ask(connection: Connection, opening: bytes, body: bytes, answer_timeout: float) -> Http1Incoming:
    incoming = connection.ask(opening, body, answer_timeout)
    try:
        await incoming.head()
    except BaseException:
        incoming.close()
        raise
    return incoming
