"""One simulated provider: its port, what it has received, and how it behaves now."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from aiohttp import web

from proxy.messages import Headers
from proxy.sandbox.contract import Call, Rejected, Reply, Simulation, Window
from proxy.sandbox.player import Sleep, play
from proxy.sandbox.scenario import Scenario
from proxy.sandbox.script import script

HOST = "127.0.0.1"
REMEMBERED = 1_000
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class World:
    """What the simulation takes from outside, so that a test can give it: waiting and the time."""

    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.time
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request that arrived."""

    method: str
    path: str
    """With the query."""
    headers: Headers
    body: bytes


@dataclass(slots=True)
class _Minute:
    """The allowance of one minute, which begins with its first request."""

    began: float = float("-inf")
    requests: int = 0
    tokens: int = 0

    def enter(self, now: float) -> Window:
        if now - self.began >= _MINUTE:
            self.began, self.requests, self.tokens = now, 0, 0
        self.requests += 1
        return Window(self.requests, self.tokens, self.began + _MINUTE - now)


@dataclass(slots=True)
class Provider:
    """A port on loopback that answers as `simulation` says and behaves as `scenario` says."""

    name: str
    simulation: Simulation
    world: World
    scenario: Scenario = field(default_factory=Scenario)
    received: deque[Received] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    port: int = 0
    _number: int = 0
    _minute: _Minute = field(default_factory=_Minute)
    _socket: socket.socket | None = None
    _listener: asyncio.Server | None = None
    _server: web.Server | None = None

    @property
    def running(self) -> bool:
        """Whether the port accepts connections."""
        return self._listener is not None

    def reserve(self, port: int) -> None:
        """Take the port (0: a free one) without listening: connections are refused, and nobody else can have it."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, port))
        self.port = self._socket.getsockname()[1]

    async def listen(self) -> None:
        """Accept connections on the reserved port; nothing happens if it does already."""
        if self._listener is None and self._socket is not None:
            self._server = web.Server(self._handle, handler_cancellation=True, access_log=None)
            self._listener = await asyncio.get_running_loop().create_server(self._server, sock=self._socket)

    async def stop(self) -> None:
        """Refuse connections and drop the open ones, as a killed process does; the port stays reserved."""
        if self._listener is not None:
            await self.close()
            self.reserve(self.port)

    async def close(self) -> None:
        """Stop for good and give the port back."""
        listener, server, self._listener, self._server = self._listener, self._server, None, None
        if listener is not None and server is not None:
            listener.close()
            for connection in server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await server.shutdown(1.0)
        elif self._socket is not None:
            self._socket.close()
        self._socket = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        self.received.append(Received(request.method, request.path_qs, request.headers.copy(), body))
        reply = self._reply(self._call(request, body))
        self._minute.tokens += reply.tokens
        return await play(script(reply, self.scenario.latency, self.scenario.chunk_delay), request, self.world.sleep)

    def _call(self, request: web.BaseRequest, body: bytes) -> Call:
        now = self.world.clock()
        self._number += 1
        call = Call(self.name, request.method, request.path, request.headers, body)
        return replace(call, number=self._number, now=now, window=self._minute.enter(now))

    def _reply(self, call: Call) -> Reply:
        try:
            return self.simulation.answer(call)
        except Rejected as rejected:
            return self.simulation.reject(call, rejected)
        except (AttributeError, KeyError, TypeError):
            # A list where an object belongs, deep in the body: no provider takes it, and no table of shapes is kept here.
            return self.simulation.reject(call, Rejected(400, "The body does not have the shape this endpoint takes."))
