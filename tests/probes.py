"""Middlewares that record their phases and fail in them, and requests through pipelines that have them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import orjson

from proxy.exchange import Attempt, Exchange, LocalHandler
from proxy.generation import GenerationFactory
from proxy.memory_account import Load
from proxy.messages import Response
from proxy.middleware.endpoints import LocalEndpoint
from proxy.pipeline import Pipeline, PipelineTerminals
from proxy.upstream.call import make_start_call
from tests.fakes import BODY, FakeTransport, MemoryLog, exchange, generation, request, routing_yaml

STREAM = orjson.dumps({**BODY, "stream": True})


@dataclass(frozen=True, eq=False)
class Probe:
    """Records its phases in `calls`. Each may fail, and `before` and `after` may be coroutines."""

    label: str
    calls: list[str]
    waits: bool = False
    """Whether the phases are coroutines that wait for a turn of the event loop."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """Phase -> what it raises."""
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    """Phase -> what its coroutine waits for."""

    def before(self, exchange: Exchange) -> Awaitable[None] | None:
        return self._run("before")

    def after(self, exchange: Exchange, response: Response) -> Awaitable[None] | None:
        status = response.status if response.error is None else f"{response.status} {response.error.code}"
        return self._run("after", f"after {self.label} {status}")

    def closed(self, exchange: Exchange) -> None:
        self._run_now("closed", f"closed {self.label} {exchange.outcome}")

    def _run(self, phase: str, text: str = "") -> Awaitable[None] | None:
        text = text or f"{phase} {self.label}"
        return self._run_later(phase, text) if self.waits else self._run_now(phase, text)

    def _run_now(self, phase: str, text: str) -> None:
        self.calls.append(text)
        if phase in self.errors:
            raise self.errors[phase]

    async def _run_later(self, phase: str, text: str) -> None:
        await asyncio.sleep(0)
        if phase in self.gates:
            await self.gates[phase].wait()
        self._run_now(phase, text)


@dataclass(frozen=True, eq=False)
class AttemptGate:
    """A middleware whose coroutine waits before each attempt."""

    gate: asyncio.Event

    async def before(self, attempt: Attempt) -> None:
        await self.gate.wait()


def insert(probes: dict[str, Probe], pipeline: Pipeline | None = None) -> Pipeline:
    """Return a pipeline with probes: `outer` is outermost, `middle` follows `limits`, `inner` precedes the attempts."""
    built = pipeline or generation().pipeline
    middlewares = list(built.middlewares)
    places = {"outer": 0, "middle": built.body_position + 1, "inner": len(middlewares)}
    for label, probe in sorted(probes.items(), key=lambda item: -places[item[0]]):
        middlewares.insert(places[label], probe)
    return replace(built, middlewares=tuple(middlewares))


def with_local_endpoint(handler: LocalHandler) -> Pipeline:
    """Return a pipeline whose path `/local` is answered by that handler."""
    terminals = PipelineTerminals(make_start_call, {"/local": LocalEndpoint("POST", handler)})
    return GenerationFactory({}, lambda path: "", terminals).build(routing_yaml(), "routing.yaml", 1).pipeline


def three(calls: list[str], driver: str, **options: Any) -> dict[str, Probe]:
    """Return three probes; an option is for the probe of that name."""
    labels = ("outer", "middle", "inner")
    return {name: Probe(name, calls, driver == "task", **options.get(name, {})) for name in labels}


def one_request(*rows: Any, raw: bytes = b"", log: MemoryLog | None = None, path: str = "") -> Exchange:
    """Return a request for the providers a, b and c, in this order, which answer with these rows."""
    head = request({"X-Provider-Fallbacks": "a,b,c"}, *([path] if path else []))
    return exchange(head, transport=FakeTransport(list(rows)), raw=raw, log=log)


def assert_released(one: Exchange) -> None:
    """Assert that a request which has ended holds nothing of what is shared."""
    runtime: Any = one.runtime
    assert runtime.load == Load()
    assert [runtime.telemetry.observations.in_flight(f"{name}@us/m-{name}") for name in "abc"] == [0, 0, 0]
    assert all(transfer.is_over or transfer.timeouts[-1][0] < inf for transfer in runtime.transport.transfers)
    assert one.attempts == [] and one.winning_attempt is None
