"""Attempts follow one another until one answers; if none does, the caller's error says what was tried and why."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest

from proxy.attempts.settings import Hedge
from proxy.errors import (
    AllProvidersFailedError,
    ConnectError,
    InvalidRequestError,
    MalformedResponse,
    ParrotError,
    ResourceExhaustedError,
    UpstreamDisconnected,
    UpstreamErrorResponse,
    UpstreamTimeout,
)
from proxy.routing.decision import Decision, PlannedTarget
from proxy.sidecar_headers import sidecar_headers
from tests.attempts.fixtures import Attempts, eject, rules, run_attempts, start_attempts, start_run
from tests.fakes import (
    BODY,
    FOREVER,
    FakeTransport,
    Later,
    MemoryLog,
    chunk_event,
    planned_exchange,
)
from tests.virtual_time import virtual_time

LIMITED = 429, {}


async def coroutine(attempt):
    """A `before` phase that is a coroutine, so that a task drives the attempt."""
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("before", [(), (coroutine,)], ids=["callbacks", "task"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("rows", "tried"),
    [
        ([200], "a"),
        ([500, 200], "aa"),
        ([500, 500, 200], "aab"),
        ([504, 200], "ab"),
        ([(429, {"Retry-After": "2"}), 200], "aa"),
        ([(429, {"Retry-After": "3"}), 200], "ab"),
        ([(429, {"Retry-After": "2"}), (429, {"Retry-After": "2"}), 200], "aab"),
        ([ConnectError("no"), LIMITED, 200], "abc"),
        ([UpstreamTimeout("late"), UpstreamDisconnected("cut"), 200], "abb"),
        ([MalformedResponse("odd"), 200], "ab"),
        ([InvalidRequestError("cannot be expressed there"), 200], "ab"),
        ([401, 200], "ab"),
        ([402, 200], "ab"),
        ([404, 200], "ab"),
        ([529, 504, 200], "abc"),
    ],
)
@virtual_time
async def test_attempts_continue_until_one_answers(rows, tried, stream, before):
    answer = [chunk_event("Hi"), chunk_event(finish="stop")]
    rows = [answer if stream and row == 200 else row for row in rows]
    running = await run_attempts(rows, stream=stream, before=before)
    sent = [row for row in rows if not isinstance(row, InvalidRequestError)]
    assert running.transport.tried == tried[-len(sent) :]
    assert running.response.status == 200 and (running.response.body is None) is stream
    headers = sidecar_headers(running.exchange, 0.0)
    assert (headers["X-Provider"], headers["X-Provider-Attempts"]) == (tried[-1], str(len(sent)))
    assert running.outcomes[-1] == "ok" and running.is_settled


@pytest.mark.parametrize("status", [400, 413, 422])
@virtual_time
async def test_an_error_of_the_request_is_the_callers_response_at_once(status):
    running = await run_attempts([status])
    assert isinstance(running.error, UpstreamErrorResponse)
    assert (running.error.status, running.error.message) == (status, f"said {status}")
    assert running.exchange.attempts[0].status == status and running.is_settled


@pytest.mark.parametrize(("retries", "tried"), [(0, "a"), (1, "ab"), (2, "aab"), (3, "aabc"), (10, "aabbcc")])
@virtual_time
async def test_there_are_no_more_attempts_than_plan_and_limit_allow(retries, tried):
    running = await run_attempts([500] * 6, max_retries=retries)
    assert isinstance(running.error, AllProvidersFailedError)
    assert running.transport.tried == tried and running.is_settled


@virtual_time
async def test_if_all_fail_no_provider_is_named_as_the_winner():
    running = await run_attempts([529] * 3)
    assert running.exchange.winning_attempt is None
    assert "X-Provider" not in sidecar_headers(running.exchange, 0.0)


@virtual_time
async def test_each_attempt_has_its_own_duration():
    running = await run_attempts([Later(0.5, ConnectError("no"))] * 3)
    assert [each["ms"] for each in running.error.attempts] == [500.0, 500.0, 500.0]


@virtual_time
async def test_a_stream_in_progress_has_no_outcome_yet():
    running = start_attempts([504, [chunk_event("x"), FOREVER]], stream=True)
    await asyncio.sleep(1)
    assert running.parts and running.outcomes == ["timeout", None]
    assert running.exchange.attempts[1].as_json()["outcome"] == "ok"
    assert running.exchange.winning_attempt is running.exchange.attempts[1]


@pytest.mark.parametrize(
    ("rows", "tried"),
    [([504, FOREVER, 200], "ab"), ([(429, {"Retry-After": "2"}), 200], "a"), ([500, 200], "a")],
    ids=["in an attempt", "in a wait", "before a retry"],
)
@virtual_time
async def test_after_a_cancel_nothing_else_is_tried(rows, tried):
    running = start_attempts(rows)
    running.exchange.runtime.resilience.random.random = lambda: 1.0
    await asyncio.sleep(0.2)
    running.run.cancel()
    await asyncio.sleep(60)
    assert running.transport.tried == tried and running.response is running.error is None
    assert running.is_settled and running.run.due == float("inf")
    assert running.exchange.upstream_wait_s == pytest.approx(0.2)
    assert [transfer.aborted for transfer in running.transport.transfers][1:] == [1] * (len(tried) - 1)


@pytest.mark.parametrize("before", [(), (coroutine,)], ids=["callbacks", "task"])
@pytest.mark.parametrize("failing", [1, 2])
@virtual_time
async def test_a_bug_is_not_taken_for_a_failure_of_the_provider(failing, before):
    seen = []

    def broken(attempt):
        seen.append(attempt)
        if len(seen) == failing:
            raise KeyError("bug")

    log = MemoryLog()
    made = planned_exchange(transport=FakeTransport([504, 504, 200]), log=log)
    made.raw = orjson.dumps(BODY)
    running = start_run(made, before=(*before, broken))
    await running.has_ended.wait()
    assert (running.error.status, running.error.code) == (500, ParrotError.code)
    assert len(seen) == failing and running.transport.tried == "a" * (failing - 1)
    assert running.is_settled and running.outcomes[-1] == "internal_error"
    [line] = [line for line in log.lines if line["event"] == "request_unhandled_error"]
    assert "KeyError" in line["exception"] and line["request_id"] == made.id


@pytest.mark.parametrize(("rows", "reports"), [([401, 403, 200], 2), ([500, 429, 200], 0), ([200], 0)])
@virtual_time
async def test_a_rejected_key_is_reported_so_that_it_is_read_again(rows, reports):
    made, calls = planned_exchange(transport=FakeTransport(list(rows))), []
    made.raw = orjson.dumps(BODY)
    made.runtime = replace(made.runtime, on_auth_failure=lambda: calls.append(1))
    await start_run(made).has_ended.wait()
    assert len(calls) == reports


@virtual_time
async def test_a_request_that_no_target_can_express_gets_the_first_targets_error():
    running = await run_attempts([InvalidRequestError(name) for name in "abc"])
    assert isinstance(running.error, InvalidRequestError) and running.error.message == "a"
    assert running.transport.tried == "" and running.exchange.attempts == [] and running.is_settled


@virtual_time
async def test_a_request_that_only_some_targets_can_express_gets_the_others_error():
    running = await run_attempts([InvalidRequestError("a"), 504, InvalidRequestError("c")])
    assert isinstance(running.error, AllProvidersFailedError) and "tried b@us/m-b (timeout)" in running.error.message


@virtual_time
async def test_want_of_descriptors_ends_the_request_at_once():
    running = await run_attempts([ResourceExhaustedError("too many open files"), 200])
    assert isinstance(running.error, ResourceExhaustedError) and running.transport.tried == "a"
    assert running.outcomes == ["sidecar_overloaded"] and running.is_settled


@virtual_time
async def test_the_wait_for_a_retry_counts_as_the_providers_time():
    running = await run_attempts([(429, {"Retry-After": "2"}), 200])
    assert running.exchange.upstream_wait_s == pytest.approx(2)


@virtual_time
async def test_if_the_retry_cannot_start_any_more_another_target_is_tried():
    running = start_attempts([(429, {"Retry-After": "2"}), 200])
    await asyncio.sleep(1)
    eject(running.exchange, "a")
    running.exchange.attempts.append(Attempts(running.exchange).start_first())
    await running.has_ended.wait()
    assert running.transport.tried == "ab"


@virtual_time
async def test_a_failover_config_decides_what_is_tried():
    made = planned_exchange(transport=FakeTransport([504, 200]))
    made.raw, made.policy = orjson.dumps(BODY), rules(("b", "rate_limit"), ("c", "timeout"))
    await start_run(made).has_ended.wait()
    assert made.runtime.transport.tried == "ac"


@virtual_time
async def test_warnings_of_failed_attempts_do_not_reach_the_caller():
    def warn(attempt):
        warning = f"for-{attempt.step.target.provider.name}"
        attempt.provider_request = type(attempt.provider_request)(
            attempt.provider_request.path, attempt.provider_request.body, warnings=(warning,)
        )

    running = await run_attempts([504, 200], before=[warn])
    assert running.exchange.warnings == ["for-b"]


@virtual_time
async def test_an_interrupt_before_any_content_is_the_callers_error():
    running = start_attempts([(429, {"Retry-After": "2"}), 200], stream=True)
    await asyncio.sleep(1)
    failure = UpstreamDisconnected("the sidecar is shutting down")
    running.run.interrupt(failure)
    await asyncio.sleep(60)
    assert running.error is failure and running.transport.tried == "a" and running.is_settled
    assert running.run.due == float("inf") and running.exchange.upstream_wait_s == pytest.approx(1)


@virtual_time
async def test_any_number_of_targets_may_be_unable_to_express_a_request():
    made = planned_exchange(transport=FakeTransport([InvalidRequestError("no")] * 500 + [200]))
    made.raw, [step, *_] = orjson.dumps(BODY), made.decision.plan
    steps = [PlannedTarget(replace(step.target, id=f"a@us/{number}"), 0.0) for number in range(501)]
    made.decision = Decision("m", "automatic", tuple(steps))
    running = start_run(made)
    await running.has_ended.wait()
    assert running.response.status == 200 and made.winning_attempt.step.target.id == "a@us/500"


@virtual_time
async def test_every_request_adds_to_the_hedge_budget():
    running = await run_attempts([200], hedge=Hedge(budget=0.25))
    assert running.exchange.runtime.resilience.hedge_budget.balance == 5.25


def disconnected(*, is_late):
    failure = UpstreamDisconnected("closed the connection before responding")
    failure.is_late = is_late
    return failure


@pytest.mark.parametrize(
    ("plan", "is_late", "tried"), [("ab", True, "ab"), ("ab", False, "aa"), ("a", True, "aa"), ("a", False, "aa")]
)
@virtual_time
async def test_after_a_late_disconnect_another_target_is_tried_first(plan, is_late, tried):
    running = await run_attempts([disconnected(is_late=is_late), 200], plan)
    assert running.transport.tried == tried and running.outcomes == ["upstream_disconnected", "ok"]
