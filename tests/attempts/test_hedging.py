"""Two runners: the first with content wins, the other is gone at once, and both are accounted for."""

from __future__ import annotations

import asyncio

import pytest

from proxy.attempts.hedging import AllAttemptsFailedError, HedgedCall
from proxy.errors import ConnectError, InvalidRequestError, ResourceExhaustedError
from proxy.messages import Response
from proxy.resilience.breaker import BreakerSettings
from tests.attempts.test_planner import walk
from tests.fakes import FakeBody
from tests.virtual_time import virtual_time

LATE, NEVER = 10.0, 1000.0


class Track:
    """A race of a against b, who starts after 8 seconds; each ends, after its time, with its row."""

    def __init__(self, **rows):
        self.rows, self.left, self.bodies = rows, [], {}
        self.walk = walk("ab")
        self.first = self.walk.start_first()

    async def handler(self, attempt):
        name = attempt.step.target.provider.name
        seconds, end = self.rows[name]
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.left.append(name)
            raise
        if isinstance(end, BaseException):
            raise end
        self.bodies[name] = FakeBody([])
        return Response(200, {}, self.bodies[name])

    async def run(self):
        return await HedgedCall(self.handler, self.walk.start_hedge, BreakerSettings()).run(self.first, 8.0)

    @property
    def outcomes(self):
        return [attempt.outcome for attempt in self.walk.exchange.attempts]

    def is_settled(self, *besides):
        runtime = self.walk.exchange.runtime
        flights = [attempt for attempt in self.walk.exchange.attempts if attempt not in besides]
        return all(each.recorder.is_over for each in flights) and (besides or not runtime.hedge_budget.in_flight)


@virtual_time
async def test_a_quick_first_runs_alone():
    track = Track(a=(1.0, None))
    attempt, _ = await track.run()
    assert attempt is track.first and len(track.walk.exchange.attempts) == 1
    assert not track.walk.exchange.runtime.counters.hedges


@pytest.mark.parametrize(
    ("a", "b", "winner", "left", "outcomes"),
    [
        (NEVER, 1.0, "b", ["a"], ["hedge_lost", None]),
        (LATE, 5.0, "a", ["b"], [None, "hedge_lost"]),
    ],
)
@virtual_time
async def test_the_first_with_content_wins_and_the_other_is_gone(a, b, winner, left, outcomes):
    track = Track(a=(a, None), b=(b, None))
    attempt, response = await track.run()
    await asyncio.sleep(0)
    assert attempt.step.target.provider.name == winner and response.body is track.bodies[winner]
    assert track.left == left and track.outcomes == outcomes and track.is_settled(attempt)
    won = {("b", "won"): 1} if winner == "b" else {}
    assert track.walk.exchange.runtime.counters.hedges == {("b", "started"): 1, **won}
    await asyncio.sleep(NEVER)
    assert response.body.closed == 0


@virtual_time
async def test_a_first_that_fails_leaves_it_to_the_second():
    track = Track(a=(LATE, ConnectError("no")), b=(5.0, None))
    attempt, _ = await track.run()
    assert attempt.step.target.provider.name == "b"


@virtual_time
async def test_what_a_second_met_is_noted_at_once_and_the_first_goes_on():
    track = Track(a=(LATE + 5, None), b=(1.0, ConnectError("no")))
    running = asyncio.create_task(track.run())
    await asyncio.sleep(LATE)
    assert track.outcomes == [None, "connection_error"]
    attempt, _ = await running
    assert attempt is track.first and track.outcomes == [None, "connection_error"]


@virtual_time
async def test_both_failures_are_told():
    track = Track(a=(LATE, ConnectError("a")), b=(1.0, ConnectError("b")))
    with pytest.raises(AllAttemptsFailedError) as caught:
        await track.run()
    assert [str(failure) for _, failure in caught.value.failures] == ["a", "b"]


@pytest.mark.parametrize("seconds", [1.0, 5.0])
@virtual_time
async def test_a_second_that_cannot_be_asked_was_no_attempt(seconds):
    track = Track(a=(LATE, ConnectError("a")), b=(seconds, InvalidRequestError("not there")))
    with pytest.raises(AllAttemptsFailedError) as caught:
        await track.run()
    assert len(caught.value.failures) == 1
    assert track.walk.exchange.attempts == [track.first]


@pytest.mark.parametrize("after", [1.0, 9.0, LATE + 1])
@virtual_time
async def test_a_caller_that_leaves_takes_both_along(after):
    track = Track(a=(LATE, ConnectError("a")), b=(NEVER, None))
    running = asyncio.create_task(track.run())
    await asyncio.sleep(after)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0)
    assert track.is_settled() or after > LATE
    assert set(track.left) == ({"a"} if after < 8 else {"a", "b"} if after < LATE else {"b"})


@virtual_time
async def test_a_bug_is_no_failure_and_leaves_nothing_running():
    track = Track(a=(LATE, KeyError("bug")), b=(NEVER, None))
    with pytest.raises(KeyError):
        await track.run()
    await asyncio.sleep(0)
    assert track.left == ["b"] and track.is_settled()


@virtual_time
async def test_a_caller_that_leaves_as_the_second_answers_leaves_nothing_open():
    track = Track(a=(9.0, ConnectError("a")), b=(4.0, None))
    racing = asyncio.ensure_future(track.run())
    while "b" not in track.bodies:
        await asyncio.sleep(0.5)
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    assert track.bodies["b"].closed == 1


@virtual_time
async def test_want_of_descriptors_ends_it_at_once():
    track = Track(a=(1.0, ResourceExhaustedError("too many open files")), b=(NEVER, None))
    with pytest.raises(ResourceExhaustedError):
        await track.run()
    assert len(track.walk.exchange.attempts) == 1 and track.is_settled()


@virtual_time
async def test_want_of_descriptors_for_the_second_lets_the_first_go_on():
    track = Track(a=(LATE, None), b=(1.0, ResourceExhaustedError("too many open files")))
    attempt, _ = await track.run()
    assert attempt is track.first and track.is_settled(track.first)


@virtual_time
async def test_want_of_descriptors_for_the_second_is_no_failure_of_its_target():
    track = Track(a=(LATE, ConnectError("closed")), b=(1.0, ResourceExhaustedError("too many open files")))
    with pytest.raises(AllAttemptsFailedError) as failed:
        await track.run()
    assert [attempt.step.target.provider.name for attempt, _ in failed.value.failures] == ["a"]
    assert track.is_settled(track.first)
