"""Sends requests to providers over HTTP/1.1, with a pool of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any

from proxy.deadline_timer import DeadlineTimer
from proxy.errors import ParrotError, UpstreamTimeout
from proxy.messages import ResponseSink, UpstreamRequest
from proxy.upload import Upload
from proxy.upstream.http1.connection import Connection
from proxy.upstream.http1.dial import Dialer, check_ssl_variables, create_ssl_context
from proxy.upstream.http1.origin import Origin, parse_target
from proxy.upstream.http1.pool import Pool, RoutePool
from proxy.upstream.http1.proxies import Proxies, Route
from proxy.upstream.http1.request_head import encode_request_head
from proxy.upstream.http1.upload_connection import UploadConnection

FRESH_S = 2.0
"""A connection used within this time is taken for a request that is sent only once: it is hardly ever closed."""


@dataclass(slots=True)
class Http1Transport:
    """Sends requests over pooled or new connections."""

    dialer: Dialer
    proxies: Proxies = Proxies({})
    write_timeout_s: float = 30.0
    """Something of an unfinished upload must go out within this time. Noticed within twice as long."""
    timer: DeadlineTimer = field(default_factory=DeadlineTimer)
    _pool: Pool = field(default_factory=Pool, init=False)
    _routes: dict[Origin, Route] = field(default_factory=dict, init=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], ca_file: str | None = None) -> Http1Transport:
        """Create a transport with the environment's proxies that trusts that file or the system.

        Raises EnvironmentValueError, and OSError for the file.
        """
        check_ssl_variables(environ)
        return cls(Dialer(create_ssl_context(ca_file)), Proxies.from_environ(environ))

    def send(
        self, request: UpstreamRequest, sink: ResponseSink, *, connect_timeout_s: float, response_timeout_s: float = inf
    ) -> Http1Transfer:
        """Start to send a request, whose response is pushed into the sink later. Both timeouts begin now.

        On a pooled connection the request leaves at once. Raises InvalidHeaderError for a header that cannot be sent,
        and ConnectError for a URL that is not valid.
        """
        target = parse_target(request.url)
        route = self._routes.get(target.origin) or self._route(target.origin)
        head = encode_request_head(request, target, route)
        deadline = asyncio.get_running_loop().time() + response_timeout_s
        pool = self._pool.for_route(route)
        host = target.origin.host
        connect = partial(UploadConnection, host, pool, self.timer, self.write_timeout_s)
        dial = partial(self.dialer.dial, route, connect, connect_timeout_s)
        transfer = Http1Transfer(dial, sink, host=host, deadline=deadline, upload=request.upload)
        transfer.start(pool, head, request.body, is_sent_once=request.is_sent_once)
        return transfer

    def close(self) -> None:
        """Close the idle connections, and the others as their responses end."""
        self._pool.close()

    def _route(self, origin: Origin) -> Route:
        route = self._routes[origin] = self.proxies.route(origin)
        return route


class Http1Transfer:
    """One request and its response, on whichever connection it is. Holds no body, which can be large."""

    __slots__ = ("_connection", "_deadline", "_dial", "_host", "_sink", "_task", "_upload")

    def __init__(
        self, dial: partial[Any], sink: ResponseSink, *, host: str, deadline: float, upload: Upload | None = None
    ) -> None:
        self._dial = dial
        self._sink = sink
        self._host = host
        self._deadline = deadline
        self._upload = upload
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, pool: RoutePool, head: bytes, body: bytes, *, is_sent_once: bool = False) -> None:
        """Send on an idle connection of the pool, or else open one."""
        self._connection = connection = pool.acquire(FRESH_S) if is_sent_once else pool.acquire()
        if connection is None:
            self._send_on_new_connection(head, body)
        elif is_sent_once:
            self._send(connection, head, body)
        else:
            # Sent once more if it proves stale, and only once, because a new connection never is.
            again = partial(self._send_on_new_connection, head, body)
            connection.send_request(head, body, self._sink, self._deadline, on_stale=again)

    def pause(self) -> None:
        """Stop reading the response."""
        if (connection := self._live_connection) is not None:
            connection.pause()

    def resume(self) -> None:
        """Read the response again."""
        if (connection := self._live_connection) is not None:
            connection.resume()

    def set_timeouts(self, *, deadline: float, idle_timeout_s: float) -> None:
        """Set the moment by which the response must be complete, and its longest silence in seconds."""
        if (connection := self._live_connection) is not None:
            connection.set_timeouts(deadline=deadline, idle_timeout_s=idle_timeout_s)

    def abort(self) -> None:
        """Stop at once: the connection is closed unless the response is complete. The sink is not called again."""
        if self._task is not None:
            self._task.cancel()
        if (connection := self._live_connection) is not None:
            connection.abort()

    @property
    def _live_connection(self) -> Connection | None:
        """The connection while it is ours. Once the response is complete it may serve another request."""
        connection = self._connection
        return connection if connection is not None and connection.serves(self._sink) else None

    def _send_on_new_connection(self, head: bytes, body: bytes) -> None:
        self._connection = None
        self._task = asyncio.get_running_loop().create_task(self._connect_and_send(head, body))

    async def _connect_and_send(self, head: bytes, body: bytes) -> None:
        try:
            async with asyncio.timeout_at(self._deadline if self._deadline < inf else None):
                connection = await self._dial()
        except TimeoutError:
            self._fail(UpstreamTimeout(f"{self._host} did not respond in time"))
        except ParrotError as error:
            self._fail(error.with_traceback(None))  # whose frames refer to this transfer
        except Exception:
            self._fail(ParrotError("internal error while connecting; see the sidecar's log"))
            raise  # the event loop logs it
        else:
            self._task, self._connection = None, connection
            self._send(connection, head, body)

    def _send(self, connection: Connection, head: bytes, body: bytes) -> None:
        connection.send_request(head, body, self._sink, self._deadline)
        if self._upload is not None and isinstance(connection, UploadConnection):
            connection.send_upload(self._upload)

    def _fail(self, failure: ParrotError) -> None:
        self._task = None
        self._sink.on_failure(failure)
