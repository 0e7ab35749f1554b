"""The way to providers over HTTP/1.1, with connections of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf

from proxy.messages import UpstreamRequest
from proxy.upstream.http1.connection import Connection, StaleConnectionError
from proxy.upstream.http1.dial import Dialer, check_ssl_cert_file, create_ssl_context
from proxy.upstream.http1.origin import Origin, parse_target
from proxy.upstream.http1.pool import Pool
from proxy.upstream.http1.proxies import Proxies, Route
from proxy.upstream.http1.request_head import encode_request_head
from proxy.upstream.http1.response import Http1Response


@dataclass(slots=True)
class Http1Transport:
    """Sends requests over kept or new connections; it holds no more of a caller than the open exchange."""

    dialer: Dialer
    proxies: Proxies = Proxies({})
    write_timeout_s: float = 30.0
    """Seconds in which something of a request must go out as long as not all has; noticed within two of them."""
    _pool: Pool = field(default_factory=Pool, init=False)
    _routes: dict[Origin, Route] = field(default_factory=dict, init=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], ca_file: str | None = None) -> Http1Transport:
        """With the environment's proxies, and trust in that file or the system.

        Raises EnvironmentValueError, and OSError for the file."""
        check_ssl_cert_file(environ)
        return cls(Dialer(create_ssl_context(ca_file)), Proxies.from_environ(environ))

    async def send(
        self, request: UpstreamRequest, *, connect_timeout_s: float, response_timeout_s: float = inf
    ) -> Http1Response:
        """Send it whole; status and headers are in when this returns.

        Raises UpstreamError, and ResourceExhaustedError where no connection can be opened here."""
        target = parse_target(request.url)
        route = self._route(target.origin)
        opening = encode_request_head(request, target, route)
        shelf = self._pool.for_route(route)
        if (kept := shelf.acquire()) is not None:
            try:
                return await _send_and_wait_head(kept, opening, request.body, response_timeout_s)
            except StaleConnectionError:
                # It was closed behind our back: sent once more, and only once, because a new connection is never stale.
                pass
        make = partial(Connection, target.origin.host, shelf, self.write_timeout_s)
        fresh = await self.dialer.dial(route, make, connect_timeout_s)
        return await _send_and_wait_head(fresh, opening, request.body, response_timeout_s)

    def close(self) -> None:
        """Close the idle connections, and the others as their answers end."""
        self._pool.close()

    def _route(self, origin: Origin) -> Route:
        route = self._routes.get(origin)
        if route is None:
            route = self._routes[origin] = self.proxies.route(origin)
        return route


async def _send_and_wait_head(
    connection: Connection, opening: bytes, body: bytes, response_timeout_s: float
) -> Http1Response:
    response = connection.send_request(opening, body, response_timeout_s)
    try:
        await response.wait_head()
    except BaseException:
        response.close()
        raise
    return response
