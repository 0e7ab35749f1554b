"""A connection needs nothing of what serves its requests but the members of RequestHost."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from proxy.deadline_timer import DeadlineTimer
from proxy.downstream.client_connection import ClientConnection
from proxy.downstream.request_host import RequestHost
from proxy.lifecycle import RequestLifecycle
from proxy.memory_account import Load
from proxy.messages import Request, Response
from tests.callers import FakeSocket, post, world


class Preflights:
    """A host whose only requests are preflights: their lifecycles are another host's."""

    def __init__(self, host: RequestHost) -> None:
        self.host = host
        self.draining = False
        self.timer = DeadlineTimer()
        self.load = Load()

    def wall(self) -> float:
        return 0.0

    def begin(self, request: Request, client: Any) -> RequestLifecycle:
        return self.host.begin(request, client)

    def preflight(self, request: Request) -> Response | None:
        return Response(204, {"X-A": request.path}, b"")


async def test_the_hosts_answer_to_options_is_sent_and_the_request_is_not_started() -> None:
    here = world()

    async def serve(http_request: Any) -> Any:
        """Not called."""

    connection: Any = ClientConnection(web.Server(serve), Preflights(here.handler), asyncio.get_running_loop())
    socket = FakeSocket()
    socket.protocol = connection
    connection.connection_made(socket)
    connection.data_received(post(b"", path="/any").replace(b"POST", b"OPTIONS", 1))
    head = bytes(socket.sent)
    assert head.startswith(b"HTTP/1.1 204 No Content\r\n") and b"\r\nX-A: /any\r\n" in head
    assert head.endswith(b"\r\n\r\n") and b"Content-Length" not in head and here.handler.active == 0
    connection.connection_lost(None)
