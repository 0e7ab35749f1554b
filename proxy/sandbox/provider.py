"""One running simulated provider: its port, its recorded requests, its rate limit and its scenario."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import msgspec
from aiohttp import web

from proxy.messages import Headers
from proxy.sandbox.contract import Call, RateLimitWindow, Reply, Simulation
from proxy.sandbox.faults import RequestContext, build_script, closes_port
from proxy.sandbox.player import Sleep, play
from proxy.sandbox.port import Port
from proxy.sandbox.scenario import Fault, Scenario

MAX_RECORDED_REQUESTS = 1_000
"""Per provider. Older ones are dropped."""
MAX_RECORDED_BYTES = 64 * 2**20
"""Of their bodies. Only the latest request may be larger."""
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Environment:
    """Sleep, clock and random source of a simulation, so that tests can replace them."""

    sleep: Sleep = asyncio.sleep
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""
    random: Random = field(default_factory=lambda: Random(0))  # noqa: S311 (which request fails, not a secret)


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One recorded request."""

    method: str
    path: str
    """With the query string."""
    headers: Headers
    body: bytes


@dataclass(slots=True)
class _Minute:
    """Counts of the current rate-limit minute, which begins with its first request."""

    started_at: float = float("-inf")
    requests: int = 0
    tokens: int = 0

    def count_request(self, now: float) -> RateLimitWindow:
        if now - self.started_at >= _MINUTE_S:
            self.started_at, self.requests, self.tokens = now, 0, 0
        self.requests += 1
        return RateLimitWindow(self.requests, self.tokens, self.started_at + _MINUTE_S - now)


class SimulatedProvider:
    """A port that serves one wire format (`simulation`) with the delays and the fault of `scenario`."""

    def __init__(self, name: str, simulation: Simulation, environment: Environment) -> None:
        self.name = name
        self.simulation = simulation
        self.scenario = Scenario()
        self.port = Port(self._handle)
        self.received: deque[ReceivedRequest] = deque()
        self._received_bytes = 0
        self._environment = environment
        self._request_count = 0
        self._minute = _Minute()
        self._storage: dict[str, Any] = {}

    async def apply(self, scenario: Scenario) -> None:
        """Use the scenario from the next request on. Raises OSError if the port cannot be opened again."""
        self.scenario = scenario
        await (self.port.stop() if closes_port(scenario.fault) else self.port.listen())

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        self._record(ReceivedRequest(request.method, request.path_qs, request.headers.copy(), body))
        context = RequestContext(self._call(request, body), self._counting_simulation(), self.scenario)
        return await play(build_script(self._take_fault(), context), request, self._environment.sleep)

    def _record(self, request: ReceivedRequest) -> None:
        self.received.append(request)
        self._received_bytes += len(request.body)
        while len(self.received) > MAX_RECORDED_REQUESTS or (
            self._received_bytes > MAX_RECORDED_BYTES and len(self.received) > 1
        ):
            self._received_bytes -= len(self.received.popleft().body)

    def _call(self, request: web.BaseRequest, body: bytes) -> Call:
        now = self._environment.clock()
        self._request_count += 1
        call = Call(
            self.name, request.method, request.path, request.headers, body, request.query, storage=self._storage
        )
        announced = {"request_limit": self.scenario.request_limit, "token_limit": self.scenario.token_limit}
        window = replace(self._minute.count_request(now), **announced)
        return replace(call, number=self._request_count, now=now, window=window)

    def _counting_simulation(self) -> Simulation:
        """Return the simulation with a `handle` that charges the tokens of each reply to the rate limit."""
        return replace(self.simulation, handle=self._handle_and_count)

    def _handle_and_count(self, call: Call) -> Reply:
        reply = self.simulation.handle(call)
        self._minute.tokens += reply.tokens
        return reply

    def _take_fault(self) -> Fault | None:
        """Return the fault that affects this request, if any, and use up one of its `times`."""
        fault = self.scenario.fault
        if fault is None or self._environment.random.random() >= fault.probability:
            return None
        if fault.times is not None:
            left = msgspec.structs.replace(fault, times=fault.times - 1) if fault.times > 1 else None
            self.scenario = replace(self.scenario, fault=left)
        return fault
