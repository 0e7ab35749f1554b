"""The admin listener's connections: aiohttp's own, with the data listener's checks and answers where a request is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from proxy.downstream.head_check import check_head
from proxy.downstream.parse_errors import parse_error
from proxy.downstream.response_head import SERVER
from proxy.errors import ParrotError

MAX_ADMIN_CONNECTIONS = 32
"""Connections of the admin listener at a time."""
_REFUSAL = web.RequestKey("refusal", ParrotError)
"""Where a request that is refused keeps the error that answers it."""
_UNPARSED_METHOD = "UNKNOWN"
"""aiohttp's method for what it cannot parse, which it takes as HTTP/1.0."""


class AdminConnection(RequestHandler):
    """aiohttp's protocol, whose answer to what it cannot parse does not repeat it. Too many connections end the oldest."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve. A probe must always get through, and the oldest connection is rarely one."""
        listener: Any = self._manager
        transports = [each.transport for each in listener.connections]
        still_open = [each for each in transports if each is not None and not each.is_closing()]
        if len(still_open) >= MAX_ADMIN_CONNECTIONS:
            still_open[0].abort()
        super().connection_made(transport)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what cannot be parsed, or 500, without a word of the request."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response broke off")  # what is sent cannot be unsent: the connection is closed
        if status >= 500:
            return _closing_response(ParrotError("internal error"))
        error, listener = parse_error(exc), cast(Any, self._manager)
        listener.on_refused(error)
        return _closing_response(error)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send any response of this listener, with its `Server` header."""
        resp.headers["Server"] = SERVER
        return await super().finish_response(request, resp, start_time)


def make_admin_request(message: RawRequestMessage, *connection: Any) -> web.BaseRequest:
    """Return the request that the handler gets, with its target in origin-form.

    `connection` is what aiohttp passes on: payload, protocol, writer and task.
    """
    make: Any = web.BaseRequest
    if message.method == _UNPARSED_METHOD:
        message, refusal = message._replace(version=HttpVersion11), None
    else:
        message, refusal = check_head(message)
    http_request: web.BaseRequest = make(message, *connection, asyncio.get_running_loop())
    if refusal is not None:
        http_request[_REFUSAL] = refusal
    return http_request


def refuse_or(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """Return a handler that answers refused requests, and hands all others on."""

    async def serve(http_request: web.BaseRequest) -> web.StreamResponse:
        refusal = http_request.get(_REFUSAL)
        return await handler(http_request) if refusal is None else _closing_response(refusal)

    return serve


def _closing_response(error: ParrotError) -> web.Response:
    response = web.Response(
        status=error.status, body=error.body(), content_type="application/json", headers=error.headers
    )
    response.force_close()
    return response
