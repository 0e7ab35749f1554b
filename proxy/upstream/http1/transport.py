"""Sends requests to providers over HTTP/1.1 and owns the connections to them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
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
    """Sends each request over an idle connection of its route, or over a new one."""

    dialer: Dialer
    proxies: Proxies = Proxies({})
    write_timeout_s: float = 30.0
    """While a request is being sent, some of it must go out in each such period; checked once per period."""
    _pool: Pool = field(default_factory=Pool, init=False)
    _routes: dict[Origin, Route] = field(default_factory=dict, init=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], ca_file: str | None = None) -> Http1Transport:
        """Create a transport with the environment's proxies, trusting the authorities in `ca_file` or the system's.

        Raises EnvironmentValueError, and OSError for `ca_file`.
        """
        check_ssl_cert_file(environ)
        return cls(Dialer(create_ssl_context(ca_file)), Proxies.from_environ(environ))

    async def send(
        self, request: UpstreamRequest, *, connect_timeout_s: float, response_timeout_s: float = inf
    ) -> Http1Response:
        """Send a request and wait for the head of its response.

        A request on a reused connection that closes without a byte is sent once more, over a new connection.
        Raises UpstreamError, and ResourceExhaustedError or EgressError if this machine cannot open a connection.
        """
        target = parse_target(request.url)
        route = self._route(target.origin)
        head = encode_request_head(request, target, route)
        idle = self._pool.for_route(route)
        if (reused := idle.acquire()) is not None:
            with suppress(StaleConnectionError):  # a new connection never raises it, so there is one resend at most
                return await _send_and_wait_head(reused, head, request.body, response_timeout_s)
        protocol_factory = partial(Connection, target.origin.host, idle, self.write_timeout_s)
        connection = await self.dialer.dial(route, protocol_factory, connect_timeout_s)
        return await _send_and_wait_head(connection, head, request.body, response_timeout_s)

    def close(self) -> None:
        """Close the idle connections, and the others when their responses end."""
        self._pool.close()

    def _route(self, origin: Origin) -> Route:
        route = self._routes.get(origin)
        if route is None:
            route = self._routes[origin] = self.proxies.route(origin)
        return route


async def _send_and_wait_head(
    connection: Connection, head: bytes, body: bytes, response_timeout_s: float
) -> Http1Response:
    response = connection.send_request(head, body, response_timeout_s)
    try:
        await response.wait_head()
    except BaseException:
        response.close()
        raise
    return response
