"""`after` runs outwards and replaces the response by an error, `closed` runs whatever fails, and the request is counted."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import ForbiddenError
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.phases import AfterPhases, run_closed
from tests.drivers import both_drivers
from tests.fakes import MemoryLog, exchange, planned_exchange, start_attempt
from tests.probes import Probe, insert


def probes(driver: str, **errors: Exception) -> tuple[list[str], dict[str, Probe]]:
    """Return the calls of three probes, which fail in `after` and `closed` with these errors."""
    calls: list[str] = []
    named = {
        name: Probe(name, calls, driver == "task", dict.fromkeys(("after", "closed"), error) if (error := errors.get(name)) else {})
        for name in ("outer", "middle", "inner")
    }  # fmt: skip
    return calls, named


async def run_after(one: Exchange, named: dict[str, Probe], inside: int | None = None) -> tuple[Response, int]:
    """Run the phases; return the response, and how often an error replaced it."""
    errors: list[int] = []
    pipeline = insert(named)
    position = len(pipeline.middlewares) if inside is None else inside
    phases = AfterPhases(one, pipeline, position, lambda: errors.append(1))
    if (pending := phases.run(Response(200, {}, b"{}"))) is not None:
        await phases.finish(pending)
    return phases.response, len(errors)


@both_drivers
@pytest.mark.parametrize(("inside", "expected"), [(0, []), (1, ["outer"]), (None, ["inner", "middle", "outer"])])
async def test_only_the_middlewares_outside_of_the_position_run(
    driver: str, inside: int | None, expected: list[str]
) -> None:
    calls, named = probes(driver)
    response, errors = await run_after(exchange(), named, inside)
    assert calls == [f"after {each} 200" for each in expected]
    assert (response.status, errors) == (200, 0)


@both_drivers
async def test_each_error_replaces_the_response(driver: str) -> None:
    calls, named = probes(driver, inner=KeyError("bug"), middle=ForbiddenError("no"))
    response, errors = await run_after(exchange(log=MemoryLog()), named)
    assert calls == ["after inner 200", "after middle 500 internal_error", "after outer 403 forbidden"]
    assert response.status == 403 and isinstance(response.error, ForbiddenError) and errors == 2


async def test_a_phase_that_is_cancelled_cancels_the_rest() -> None:
    calls, named = probes("task")
    pipeline = insert(named)
    phases = AfterPhases(exchange(), pipeline, len(pipeline.middlewares), lambda: None)
    pending = phases.run(Response(200, {}, b"{}"))
    task = asyncio.ensure_future(phases.finish(pending))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert calls == []


@pytest.mark.parametrize(("inside", "expected"), [(0, []), (1, ["outer"]), (None, ["inner", "middle", "outer"])])
def test_closed_runs_for_the_middlewares_outside_of_the_position(inside: int | None, expected: list[str]) -> None:
    calls, named = probes("callbacks")
    one = exchange()
    one.outcome = "ok"
    run_closed(one, insert(named), inside) if inside is not None else run_all(one, named)
    assert calls == [f"closed {each} ok" for each in expected]


def run_all(one: Exchange, named: dict[str, Probe]) -> None:
    """Run the `closed` phases of a request that got to its attempts."""
    one.runtime.load.requests += 1
    one.is_admitted = True
    pipeline = insert(named)
    run_closed(one, pipeline, len(pipeline.middlewares))


def test_whichever_closed_phase_fails_the_others_run_and_the_request_is_counted() -> None:
    calls, named = probes("callbacks", outer=KeyError("1"), middle=ForbiddenError("2"), inner=OSError("3"))
    log = MemoryLog()
    one = exchange(log=log)
    one.outcome, one.status, one.overhead_ms = "ok", 200, 1.5
    run_all(one, named)
    assert len(calls) == 3 and log.text.count("request_unhandled_error") == 3
    assert one.runtime.load.requests == 0
    assert one.runtime.telemetry.counters.requests == {("chat", "200", "ok"): 1}
    assert one.runtime.telemetry.counters.overhead_s.samples == 1


def test_a_request_with_two_attempts_is_counted_as_a_failover() -> None:
    one = planned_exchange("ab")
    start_attempt(one)
    one.decision = planned_exchange("b", snap=one.snapshot).decision
    start_attempt(one)
    one.outcome = "ok"
    run_all(one, probes("callbacks")[1])
    assert one.runtime.telemetry.counters.failovers == {("a", "b"): 1}


def test_counting_that_fails_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr("proxy.telemetry.request_counters.RequestCounters.record_request", broken)
    log = MemoryLog()
    run_all(exchange(log=log), probes("callbacks")[1])
    assert "request_unhandled_error" in log.text
