"""One simulated provider: its port, what it has received, and how it behaves now."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import msgspec
from aiohttp import web

from proxy.messages import Headers
from proxy.sandbox.contract import Call, RateLimitWindow, Reply, Simulation
from proxy.sandbox.faults import RequestContext, build_script, closes_port
from proxy.sandbox.player import Sleep, play
from proxy.sandbox.port import Port
from proxy.sandbox.scenario import Fault, Scenario

MAX_RECORDED_REQUESTS = 1_000
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Environment:
    """What the simulation takes from outside, so that a test can give it: waiting, the time, chance."""

    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.time
    """Unix seconds."""
    random: Random = field(default_factory=lambda: Random(0))  # noqa: S311 (which request fails, not a secret)


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
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

    def enter(self, now: float) -> RateLimitWindow:
        if now - self.began >= _MINUTE:
            self.began, self.requests, self.tokens = now, 0, 0
        self.requests += 1
        return RateLimitWindow(self.requests, self.tokens, self.began + _MINUTE - now)


class SimulatedProvider:
    """A port that answers as `simulation` says and behaves as `scenario` says."""

    def __init__(self, name: str, simulation: Simulation, world: Environment) -> None:
        self.name = name
        self.simulation = simulation
        self.scenario = Scenario()
        self.port = Port(self._handle)
        self.received: deque[ReceivedRequest] = deque(maxlen=MAX_RECORDED_REQUESTS)
        self._world = world
        self._number = 0
        self._minute = _Minute()

    async def apply(self, scenario: Scenario) -> None:
        """Behave so from the next request on. Raises OSError if the port cannot be opened again."""
        self.scenario = scenario
        await (self.port.stop() if closes_port(scenario.fault) else self.port.listen())

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        self.received.append(ReceivedRequest(request.method, request.path_qs, request.headers.copy(), body))
        turn = RequestContext(self._call(request, body), self._counted, self.scenario)
        return await play(build_script(self._strike(), turn), request, self._world.sleep)

    def _call(self, request: web.BaseRequest, body: bytes) -> Call:
        now = self._world.clock()
        self._number += 1
        call = Call(self.name, request.method, request.path, request.headers, body, request.query)
        return replace(call, number=self._number, now=now, window=self._minute.enter(now))

    @property
    def _counted(self) -> Simulation:
        """The simulation, its answers' tokens taken off the minute's allowance."""
        return replace(self.simulation, handle=self._answer)

    def _answer(self, call: Call) -> Reply:
        reply = self.simulation.handle(call)
        self._minute.tokens += reply.tokens
        return reply

    def _strike(self) -> Fault | None:
        """The fault that meets this request, if one does; it is one time nearer its end."""
        fault = self.scenario.fault
        if fault is None or self._world.random.random() >= fault.probability:
            return None
        if fault.times is not None:
            left = msgspec.structs.replace(fault, times=fault.times - 1) if fault.times > 1 else None
            self.scenario = replace(self.scenario, fault=left)
        return fault
