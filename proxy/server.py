"""The data listener: aiohttp's low-level server, whose connections hand their requests to `ProxyHandler`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from random import getrandbits
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy.cors import answer_preflight, cors_headers
from proxy.deadline_timer import DeadlineTimer
from proxy.descriptors import is_reserved
from proxy.downstream.admin_connection import AdminConnection, make_admin_request, refuse_or
from proxy.downstream.client_connection import KEEP_ALIVE_S
from proxy.downstream.parse_errors import PARSER_LIMITS
from proxy.downstream.response_head import SERVER
from proxy.downstream.uploading_connection import UploadingConnection
from proxy.errors import OverloadedError, ParrotError, ResourceExhaustedError
from proxy.exchange import Exchange
from proxy.generation import Generation
from proxy.lifecycle import RequestLifecycle
from proxy.memory_account import Load
from proxy.messages import Request, Response
from proxy.middleware.auth import Auth
from proxy.response_writer import Client
from proxy.runtime import Runtime
from proxy.telemetry.activity import LoadedConfig
from proxy.telemetry.refusals import Refusals

_REJECT_TIMEOUT_S = 1.0
"""How long a rejected connection has to take its response."""
_MAX_REJECTED = 16
"""Rejected connections that are open at a time. They too need a descriptor each."""
_SENT_INTERVAL_S = 0.02
"""How often the listener looks whether everything is sent, while the process stops."""
_JSON = "application/json"
_REQUEST_ID = re.compile(r"[ -~]{1,128}")
"""Request ids of clients that are kept: 1 to 128 printable ASCII characters. Any other value is replaced."""


@dataclass(slots=True)
class ProxyHandler:
    """Serves the data listener's requests with the active generation. Implements `client_connection.RequestHost`."""

    runtime: Runtime
    generation: Generation
    new_id: Callable[[], str] = lambda: f"{getrandbits(96):024x}"
    draining: bool = False
    """Whether the process is about to stop: connections are closed after their response."""
    over_unix: bool = False
    """Whether requests come over a unix socket."""
    _active: set[RequestLifecycle] = field(default_factory=set)
    _idle: asyncio.Event | None = None
    """Set when no request is in progress. There is none until somebody waits for it."""
    _public_paths: frozenset[str] = frozenset()
    _origins: frozenset[str] = frozenset()
    """Web origins that may call from a browser."""
    timer: DeadlineTimer = field(init=False)
    load: Load = field(init=False)
    refusals: Refusals = field(init=False)

    def __post_init__(self) -> None:
        self.timer, self.load, self.refusals = self.runtime.timer, self.runtime.load, self.runtime.telemetry.refusals
        self.activate(self.generation)

    def activate(self, generation: Generation) -> None:
        """Serve new requests with this generation. Those in progress keep theirs."""
        self.generation = generation
        self._public_paths = generation.pipeline.endpoints.public_paths
        self._origins = frozenset(
            origin for each in generation.pipeline.middlewares if isinstance(each, Auth) for origin in each.origins
        )
        self.runtime.on_snapshot(generation.snapshot)
        loaded = LoadedConfig(generation.number, generation.digest, self.runtime.wall())
        self.runtime.telemetry.activity.loaded = loaded

    @property
    def active(self) -> int:
        """The number of requests in progress, from their head to their last byte."""
        return len(self._active)

    def wall(self) -> float:
        """Return the seconds since 1970."""
        return self.runtime.wall()

    def drain(self) -> None:
        """Report not ready. Requests that still come are served."""
        self.draining = True

    def abort_streams(self) -> None:
        """End the requests in progress. A stream ends with an error event."""
        for lifecycle in tuple(self._active):
            lifecycle.interrupt(OverloadedError("the sidecar is shutting down"))

    async def wait_idle(self) -> None:
        """Return when no request is in progress."""
        while self._active:
            self._idle = asyncio.Event()
            await self._idle.wait()

    def preflight(self, request: Request) -> Response | None:
        """Return the response to a CORS preflight, or None for any other request."""
        return answer_preflight(request, self._origins)

    def begin(self, request: Request, client: Client) -> RequestLifecycle:
        """Return the lifecycle of a new request, not yet started."""
        generation, runtime = self.generation, self.runtime
        sent_id = request.headers.get("X-Request-Id", "")
        exchange = Exchange(
            id=sent_id if sent_id and _REQUEST_ID.fullmatch(sent_id) else self.new_id(),
            request=request,
            snapshot=generation.snapshot,
            runtime=runtime,
            started=runtime.clock(),
            over_unix=self.over_unix,
            is_public=request.path.partition("?")[0] in self._public_paths,
        )
        if self._origins:
            exchange.cors_headers = cors_headers(request.headers, self._origins)
        lifecycle = RequestLifecycle(exchange, generation.pipeline, client, self._end)
        self._active.add(lifecycle)
        return lifecycle

    def _end(self, lifecycle: RequestLifecycle) -> None:
        self._active.discard(lifecycle)
        if self._idle is not None and not self._active:
            self._idle.set()


class _DataConnection(UploadingConnection):
    """A caller's connection, rejected if there are too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve, or answer 503 at once."""
        listener = cast(Listener, self._manager)
        if listener.has_room(transport):
            super().connection_made(transport)
            return
        self.discard_input()
        listener.reject(cast(asyncio.Transport, transport))


class Listener(web.Server):
    """aiohttp's low-level server. With a `ProxyHandler` its connections are served without a task per request."""

    max_connections: float = inf
    on_refused: Callable[[ParrotError], None] = staticmethod(lambda error: None)
    """Called with the error that a rejected connection gets, or what is not a request."""

    def __init__(self, handler: Any, **options: Any) -> None:
        super().__init__(handler, **options)
        self._rejected: dict[asyncio.Transport, None] = {}
        """Rejected connections that are still open, oldest first."""

    def has_room(self, transport: asyncio.BaseTransport) -> bool:
        """Return whether another connection may be served: there are not too many, and it leaves the reserve alone."""
        sock = transport.get_extra_info("socket")
        is_reserve = sock is not None and is_reserved(sock.fileno())
        return len(self._connections) < self.max_connections and not is_reserve

    async def wait_sent(self) -> None:
        """Return when the clients have taken all that was written to them."""
        while self._has_unsent_bytes():  # noqa: ASYNC110 (transports have no event for it)
            await asyncio.sleep(_SENT_INTERVAL_S)

    def _has_unsent_bytes(self) -> bool:
        transports = [each.transport for each in self.connections if each.transport is not None]
        return any(transport.get_write_buffer_size() for transport in transports)

    def reject(self, transport: asyncio.Transport) -> None:
        """Answer 503 at once, and close: out of descriptors the system would let the client wait, or drop it."""
        message = f"the sidecar is overloaded: {len(self._connections)} connections are open; try again"
        error = ResourceExhaustedError(message)
        self.on_refused(error)
        head = f"HTTP/1.1 503 Service Unavailable\r\nServer: {SERVER}\r\nConnection: close\r\nRetry-After: 1\r\n"
        body = error.body()
        transport.write(f"{head}Content-Type: {_JSON}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        transport.write_eof()
        # Closed at once it might reach the client as a reset, because its request was not read.
        self._rejected[transport] = None
        self._loop.call_later(_REJECT_TIMEOUT_S, self._end_rejected, transport)
        if len(self._rejected) > _MAX_REJECTED:
            self._end_rejected(next(iter(self._rejected)))

    def _end_rejected(self, transport: asyncio.Transport) -> None:
        self._rejected.pop(transport, None)
        transport.abort()

    def __call__(self) -> RequestHandler:
        """Return the protocol of a new connection."""
        handler: Any = self.request_handler
        if isinstance(handler, ProxyHandler):
            return _DataConnection(self, handler, self._loop, **self._kwargs)
        # The base class drops all options without a word when it does not know one; this does not.
        return AdminConnection(self, loop=self._loop, **self._kwargs)


def build_listener(
    handler: ProxyHandler | Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    on_refused: Callable[[ParrotError], None] = lambda error: None,
) -> Listener:
    """Return the server for a handler. The request of a client that disconnects is cancelled.

    `on_refused` is called with each error that answers something before it is a request.
    """
    listener = Listener(
        cast(Any, handler if isinstance(handler, ProxyHandler) else refuse_or(handler)),
        request_factory=cast(Any, make_admin_request),
        handler_cancellation=True,
        keepalive_timeout=KEEP_ALIVE_S,
        access_log=None,
        auto_decompress=False,
        **PARSER_LIMITS,
    )
    listener.on_refused = on_refused
    return listener
