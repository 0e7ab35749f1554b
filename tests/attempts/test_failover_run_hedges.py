"""A hedge: of two calls the first with content wins, the other is aborted at once, and both are accounted for."""

from __future__ import annotations

import asyncio

import pytest

from proxy.attempts.settings import Hedge
from proxy.config.auto_duration import AutoOrDuration
from proxy.errors import (
    AllProvidersFailedError,
    ConnectError,
    InvalidRequestError,
    ParrotError,
    ResourceExhaustedError,
)
from proxy.sidecar_headers import sidecar_headers
from tests.attempts.fixtures import run_attempts, start_attempts
from tests.fakes import FOREVER, Later, chunk_event
from tests.virtual_time import virtual_time

# The hedge starts after 8 seconds.
LATE, NEVER = 10.0, 1000.0
ANSWER = [chunk_event("x"), 1.0, chunk_event(finish="stop")]


def answer(seconds):
    return Later(seconds, ANSWER)


def aborted(running):
    """Return the providers whose requests were aborted."""
    transfers = running.transport.transfers
    return [each.request.url.removeprefix("https://")[0] for each in transfers if each.aborted]


@virtual_time
async def test_a_quick_first_attempt_has_no_hedge():
    running = await run_attempts([answer(7.9)], "ab", stream=True)
    assert running.outcomes == ["ok"] and not running.exchange.runtime.telemetry.counters.hedges


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("a", "b", "winner", "outcomes"), [(NEVER, 1.0, "b", ["hedge_lost", "ok"]), (LATE, 5.0, "a", ["ok", "hedge_lost"])]
)
@virtual_time
async def test_the_first_content_wins_and_the_other_call_is_aborted(a, b, winner, outcomes, stream):
    options = {} if stream else {"hedge": Hedge(AutoOrDuration(8.0))}
    rows = [answer(a), answer(b)] if stream else [Later(a, 200), Later(b, 200)]
    running = await run_attempts(rows, "ab", stream=stream, **options)
    exchange = running.exchange
    assert exchange.winning_attempt.step.target.provider.name == winner
    assert aborted(running) == ["a" if winner == "b" else "b"]
    assert running.outcomes == outcomes and running.is_settled
    won = {("b", "won"): 1} if winner == "b" else {}
    assert exchange.runtime.telemetry.counters.hedges == {("b", "started"): 1, **won}
    assert sidecar_headers(exchange, 0.0)["X-Provider-Attempts"] == "2"


@virtual_time
async def test_the_loser_is_settled_while_the_winners_stream_goes_on():
    running = start_attempts([FOREVER, answer(1.0)], "ab", stream=True)
    await asyncio.sleep(9.5)
    assert running.outcomes == ["hedge_lost", None]
    await running.has_ended.wait()
    assert running.outcomes == ["hedge_lost", "ok"] and running.is_settled


@virtual_time
async def test_if_the_first_fails_the_hedge_goes_on():
    running = await run_attempts([Later(LATE, ConnectError("no")), answer(5.0)], "ab", stream=True)
    assert running.outcomes == ["connection_error", "ok"] and running.is_settled


@virtual_time
async def test_a_failed_hedge_is_settled_at_once_and_the_first_goes_on():
    running = start_attempts([answer(LATE + 5), Later(1.0, ConnectError("no"))], "ab", stream=True)
    await asyncio.sleep(LATE)
    assert running.outcomes == [None, "connection_error"]
    await running.has_ended.wait()
    assert running.outcomes == ["ok", "connection_error"] and running.is_settled


@virtual_time
async def test_if_both_fail_both_are_in_the_error():
    running = await run_attempts([Later(LATE, ConnectError("a")), Later(1.0, ConnectError("b"))], "ab", stream=True)
    assert isinstance(running.error, AllProvidersFailedError)
    assert [each["provider"] for each in running.error.attempts] == ["a", "b"]
    assert running.error.message.endswith("last error: a") and running.is_settled


@virtual_time
async def test_after_both_have_failed_the_next_target_is_tried_without_another_hedge():
    rows = [Later(LATE, ConnectError("a")), Later(1.0, ConnectError("b")), answer(20.0)]
    running = await run_attempts(rows, stream=True)
    assert running.transport.tried == "abc" and running.outcomes[-1] == "ok" and running.is_settled


@virtual_time
async def test_the_first_attempts_failure_decides_what_is_next():
    rows = [Later(LATE, 500), Later(1.0, 500), 200]
    running = await run_attempts(rows, stream=True)
    assert running.transport.tried == "aba"


@pytest.mark.parametrize("seconds", [0.0, 1.0, 5.0])
@virtual_time
async def test_a_hedge_that_cannot_be_sent_was_no_attempt(seconds):
    async def slow(attempt):
        if attempt.hedge:
            await asyncio.sleep(seconds)
            raise InvalidRequestError("cannot be expressed there")

    running = await run_attempts([Later(LATE, ConnectError("a"))], "ab", stream=True, before=[slow])
    assert isinstance(running.error, AllProvidersFailedError)
    assert [each["provider"] for each in running.error.attempts] == ["a"]
    assert running.outcomes == ["connection_error"] and running.is_settled


@pytest.mark.parametrize(("after", "left"), [(1.0, ["a"]), (9.0, ["a", "b"]), (LATE + 1, ["b"])])
@virtual_time
async def test_a_cancel_aborts_both(after, left):
    running = start_attempts([Later(LATE, ConnectError("a")), FOREVER], "ab", stream=True)
    await asyncio.sleep(after)
    running.run.cancel()
    assert aborted(running) == left and running.is_settled
    await asyncio.sleep(NEVER)
    assert len(running.transport.sent) == (1 if after < 8 else 2)
    assert running.response is running.error is None


@virtual_time
async def test_a_bug_ends_the_request_and_its_hedge():
    async def broken(attempt):
        if not attempt.hedge:
            await asyncio.sleep(LATE)
            raise KeyError("bug")

    running = await run_attempts([FOREVER], "ab", stream=True, before=[broken])
    assert running.error.code == ParrotError.code
    assert aborted(running) == ["b"] and running.is_settled


@virtual_time
async def test_a_cancel_at_the_moment_of_the_hedges_content_leaves_nothing_open():
    running = start_attempts([Later(9.0, ConnectError("a")), answer(4.0)], "ab", stream=True)
    while running.response is None:
        await asyncio.sleep(0.5)
    running.run.cancel()
    assert aborted(running) == ["b"] and running.is_settled
    assert running.outcomes == ["connection_error", "cancelled"]


@virtual_time
async def test_want_of_descriptors_for_the_first_ends_the_request():
    rows = [Later(1.0, ResourceExhaustedError("too many open files")), answer(NEVER)]
    running = await run_attempts(rows, "ab", stream=True)
    assert isinstance(running.error, ResourceExhaustedError)
    assert len(running.exchange.attempts) == 1 and running.is_settled


@virtual_time
async def test_want_of_descriptors_for_the_first_ends_the_hedge_too():
    rows = [Later(LATE, ResourceExhaustedError("too many open files")), FOREVER]
    running = await run_attempts(rows, "ab", stream=True)
    assert isinstance(running.error, ResourceExhaustedError)
    assert running.outcomes == ["sidecar_overloaded", "cancelled"] and running.is_settled


@virtual_time
async def test_want_of_descriptors_for_the_hedge_lets_the_first_go_on():
    rows = [answer(LATE), Later(1.0, ResourceExhaustedError("too many open files"))]
    running = await run_attempts(rows, "ab", stream=True)
    assert running.outcomes == ["ok", "sidecar_overloaded"] and running.is_settled


@virtual_time
async def test_want_of_descriptors_for_the_hedge_is_no_failure_of_its_target():
    rows = [Later(LATE, ConnectError("closed")), Later(1.0, ResourceExhaustedError("too many open files"))]
    running = await run_attempts(rows, "ab", stream=True)
    assert running.outcomes == ["connection_error", "sidecar_overloaded"] and running.is_settled
    assert running.error.message.endswith("last error: closed")
    assert running.exchange.runtime.telemetry.observations.get("b@us/m-b").failed_at is None
