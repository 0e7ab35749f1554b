"""In whatever state a request is when its caller disconnects or the process stops, it ends at once, and once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from proxy.errors import OverloadedError, UpstreamDisconnected
from proxy.exchange import Attempt, Exchange
from proxy.messages import Response
from proxy.pipeline import Pipeline
from tests.drivers import both_drivers
from tests.fakes import (
    FOREVER,
    PIPELINE,
    FakeClient,
    MemoryLog,
    chunk_event,
    generation,
    routing_yaml,
    settle,
    start_request,
)
from tests.probes import STREAM, AttemptGate, assert_released, insert, one_request, three, with_local_endpoint
from tests.virtual_time import virtual_time

TEXT, FINISH, DONE = chunk_event("text"), chunk_event(finish="stop"), b"data: [DONE]\n\n"
CUT = UpstreamDisconnected("cut")
EARLY = routing_yaml(PIPELINE.replace("sse_passthrough", "{sse_passthrough: {early_commit: 2s}}"))


@dataclass(frozen=True)
class State:
    """A state of a request, and how to get there."""

    rows: list[Any] = field(default_factory=list)
    raw: bytes = b""
    gate: str = ""
    """The middleware and the phase that wait for good, as `middle before`; they are coroutines with both drivers."""
    file: str = ""
    seconds: float = 0.0
    """Seconds after the start at which the request is in this state."""
    body_is_late: bool = False
    path: str = ""
    interrupted: tuple[int, str, str] = (503, "sidecar_overloaded", "sidecar_overloaded")
    """What the caller gets where the process stops: the status, how the body ends, and the outcome."""


STREAM_ERROR = 200, "sidecar_overloaded", "sidecar_overloaded"
STATES = {
    "its body is still to come": State(body_is_late=True),
    "a middleware outside of limits waits": State(gate="outer before"),
    "a middleware inside of limits waits": State(gate="middle before"),
    "a local endpoint waits": State(path="/local"),
    "a middleware of the attempt waits": State(gate="attempt before", rows=[200]),
    "the first attempt waits": State(rows=[FOREVER]),
    "the second attempt waits": State(rows=[504, FOREVER]),
    "a retry is due later": State(rows=[(429, {"Retry-After": "2"}), FOREVER], seconds=1),
    "an attempt and its hedge wait": State(rows=[FOREVER, FOREVER], raw=STREAM, seconds=9),
    "a stream has no content yet": State(rows=[[b": hello\n\n", FOREVER]], raw=STREAM),
    "a middleware waits with a complete response": State(gate="inner after", rows=[200]),
    "a middleware waits with a stream": State(gate="middle after", rows=[[TEXT, FOREVER]], raw=STREAM),
    "a middleware waits with an error": State(gate="outer after", rows=[400]),
    "a stream goes on": State(rows=[[TEXT, FOREVER]], raw=STREAM, interrupted=STREAM_ERROR),
    "a stream awaits its trailer": State(
        rows=[[TEXT, FINISH, FOREVER]], raw=STREAM, seconds=0.5, interrupted=(200, "[DONE]", "ok")
    ),
    "a stream is continued elsewhere": State(rows=[[TEXT, CUT], FOREVER], raw=STREAM, interrupted=STREAM_ERROR),
    "a continued stream goes on": State(
        rows=[[TEXT, CUT], [TEXT, FOREVER]], raw=STREAM, interrupted=STREAM_ERROR
    ),
    "the headers went out early": State(
        rows=[FOREVER], raw=STREAM, file=EARLY, seconds=3, interrupted=STREAM_ERROR
    ),
    "the headers went out early and a retry is due": State(
        rows=[504, (429, {"Retry-After": "2.5"}), FOREVER], raw=STREAM, file=EARLY, seconds=2.2, interrupted=STREAM_ERROR
    ),
}  # fmt: skip


async def waits_for_good(one: Exchange) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


def build(state: State, calls: list[str], driver: str) -> Pipeline:
    """Return the pipeline of a state."""
    built = with_local_endpoint(waits_for_good) if state.path else generation(state.file).pipeline
    name, _, phase = state.gate.partition(" ")
    if name == "attempt":
        built = Pipeline(built.middlewares, (AttemptGate(asyncio.Event()), *built.attempt_middlewares), built.terminals)
    gates = {name: {"gates": {phase: asyncio.Event()}}} if name in ("outer", "middle", "inner") else {}
    return insert(three(calls, "task" if gates else driver, **gates), built)


async def reach(state: State, driver: str) -> tuple[FakeClient, Exchange, list[str]]:
    """Start a request and bring it into that state."""
    calls: list[str] = []
    one = one_request(*state.rows, raw=state.raw, path=state.path)
    client = start_request(one, build(state, calls, driver), body_is_late=state.body_is_late)
    await (asyncio.sleep(state.seconds) if state.seconds else settle())
    assert not client.has_ended.is_set()
    return client, one, calls


async def assert_over(client: FakeClient, one: Exchange, calls: list[str], outcome: str) -> None:
    """Assert that the request has ended, and that nothing happens any more whatever still arrives."""
    assert client.has_ended.is_set() and one.outcome == outcome
    before = [each.split()[1] for each in calls if each.startswith("before")]
    assert [each for each in calls if each.startswith("closed")] == [
        f"closed {each} {outcome}" for each in reversed(before)
    ]
    assert all(attempt.outcome is not None for attempt in client.attempts)
    assert_released(one)
    calls, parts, sent = list(calls), list(client.parts), len(one.runtime.transport.sent)
    for transfer in one.runtime.transport.transfers:
        transfer.push(TEXT, FINISH, DONE)
    await asyncio.sleep(60)
    assert (client.parts, len(one.runtime.transport.sent)) == (parts, sent)
    assert_released(one)


@both_drivers
@pytest.mark.parametrize("name", STATES)
@virtual_time
async def test_a_disconnect_ends_the_request(driver: str, name: str) -> None:
    client, one, calls = await reach(STATES[name], driver)
    client.disconnect()
    await assert_over(client, one, calls, "client_disconnected")


@both_drivers
@pytest.mark.parametrize("name", STATES)
@virtual_time
async def test_an_interrupt_is_a_503_or_an_error_event(driver: str, name: str) -> None:
    client, one, calls = await reach(STATES[name], driver)
    client.lifecycle.interrupt(OverloadedError("the sidecar is shutting down"))
    await settle()
    status, end, outcome = STATES[name].interrupted
    assert client.status == status
    if status == 200:
        assert end.encode() in client.events[-1]
        assert client.events.count(b"[DONE]") == (end == "[DONE]")
    else:
        assert client.error["code"] == end
    await assert_over(client, one, calls, outcome)


@both_drivers
@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("then", ["disconnect", "interrupt"])
@virtual_time
async def test_a_second_end_does_nothing(driver: str, name: str, then: str) -> None:
    client, one, calls = await reach(STATES[name], driver)
    ends: dict[str, Callable[[], None]] = {
        "disconnect": client.disconnect,
        "interrupt": partial(client.lifecycle.interrupt, OverloadedError("full")),
    }
    client.disconnect()
    ends[then]()
    await assert_over(client, one, calls, "client_disconnected")


class Cancellations(list[str]):
    """Waits for good, and records each cancellation; some of the waits end as if it had not come."""

    async def wait(self, name: str, *, is_ignored: bool) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.append(name)
            if not is_ignored:
                raise


@dataclass(frozen=True, eq=False)
class Waiting:
    """A middleware one of whose phases waits for good."""

    phase: str
    cancelled: Cancellations
    is_ignored: bool

    async def before(self, subject: Exchange | Attempt) -> None:
        if self.phase == "before":
            await self.cancelled.wait("before", is_ignored=self.is_ignored)

    async def after(self, exchange: Exchange, response: Response) -> None:
        if self.phase == "after":
            await self.cancelled.wait("after", is_ignored=self.is_ignored)


@pytest.mark.parametrize("is_ignored", [False, True])
@pytest.mark.parametrize("place", ["request before", "request after", "attempt before", "local endpoint"])
@pytest.mark.parametrize("end", ["disconnect", "interrupt"])
@virtual_time
async def test_a_coroutine_is_cancelled_and_starts_nothing_if_it_ignores_that(
    place: str, end: str, is_ignored: bool
) -> None:
    cancelled = Cancellations()
    subject, _, phase = place.partition(" ")
    waiting = Waiting(phase, cancelled, is_ignored)

    async def answer(one: Exchange) -> Response:
        await cancelled.wait("endpoint", is_ignored=is_ignored)
        return Response(200, {}, b"too late")

    log = MemoryLog()
    one = one_request(200, 200, path="/local" if subject == "local" else "", log=log)
    built = with_local_endpoint(answer)
    if subject == "request":
        built = replace(built, middlewares=(waiting, *built.middlewares))
    if subject == "attempt":
        built = replace(built, attempt_middlewares=(waiting, *built.attempt_middlewares))
    client = start_request(one, built)
    await settle()
    sent = len(one.runtime.transport.sent)
    assert sent == (place == "request after") and not client.has_ended.is_set()
    (client.disconnect if end == "disconnect" else partial(client.lifecycle.interrupt, OverloadedError("full")))()
    await settle()
    assert client.has_ended.is_set() and len(one.runtime.transport.sent) == sent
    assert cancelled == [phase] and b"too late" not in client.body
    assert [line["event"] for line in log.lines] == ["request_completed"][: place != "request before"]
    assert_released(one)
