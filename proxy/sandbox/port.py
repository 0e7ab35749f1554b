"""A TCP port on loopback that can stop and resume listening without losing its number."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

HOST = "127.0.0.1"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_SHUTDOWN_TIMEOUT_S = 1.0


class Port:
    """A reserved port with an HTTP server that can be started and stopped. While stopped it refuses connections."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._socket: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._server: web.Server | None = None
        self._lock = asyncio.Lock()
        self.number = 0

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{HOST}:{self.number}"

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._listener is not None

    def reserve(self, number: int) -> None:
        """Bind the port (0: any free one) without listening, so that no other process can take it. Raises OSError."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, number))
        self.number = self._socket.getsockname()[1]

    async def listen(self) -> None:
        """Start to accept connections, if it does not already. Raises OSError."""
        async with self._lock:
            if self._listener is None and self._socket is not None:
                self._server = web.Server(self._handler, handler_cancellation=True, access_log=None)
                self._listener = await asyncio.get_running_loop().create_server(self._server, sock=self._socket)

    async def stop(self) -> None:
        """Refuse connections and reset the open ones, as if the process was killed. The port stays reserved."""
        async with self._lock:
            if self._listener is not None:
                await self._close()
                self.reserve(self.number)

    async def close(self) -> None:
        """Stop for good and release the port. May be called twice."""
        async with self._lock:
            await self._close()

    async def _close(self) -> None:
        listener, server, reserved = self._listener, self._server, self._socket
        self._listener = self._server = self._socket = None
        if listener is not None and server is not None:
            listener.close()
            for connection in server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await server.shutdown(_SHUTDOWN_TIMEOUT_S)
            await listener.wait_closed()
        elif reserved is not None:
            reserved.close()
