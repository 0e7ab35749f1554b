"""A port on loopback that can be closed and opened again without losing its number."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

HOST = "127.0.0.1"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_PATIENCE = 1.0


class Port:
    """Reserved from the start; connections are refused until `listen` and after `stop`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._socket: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._server: web.Server | None = None
        self._lock = asyncio.Lock()
        self.number = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.number}"

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._listener is not None

    def reserve(self, number: int) -> None:
        """Take that port (0: a free one) without listening, so that nobody else gets it. Raises OSError."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, number))
        self.number = self._socket.getsockname()[1]

    async def listen(self) -> None:
        """Accept connections on the reserved port; nothing happens if it does already. Raises OSError."""
        async with self._lock:
            if self._listener is None and self._socket is not None:
                self._server = web.Server(self._handler, handler_cancellation=True, access_log=None)
                self._listener = await asyncio.get_running_loop().create_server(self._server, sock=self._socket)

    async def stop(self) -> None:
        """Refuse connections and drop the open ones, as a killed process does; the port stays reserved."""
        async with self._lock:
            if self._listener is not None:
                await self._close()
                self.reserve(self.number)

    async def close(self) -> None:
        """Stop for good and give the port back; twice is harmless."""
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
            await server.shutdown(_PATIENCE)
            await listener.wait_closed()
        elif reserved is not None:
            reserved.close()
