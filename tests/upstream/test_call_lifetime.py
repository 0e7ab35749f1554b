"""How a call starts, how long it may take, and how it is paused and stopped."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from proxy.errors import (
    ConnectError,
    EgressError,
    InvalidRequestError,
    ParrotError,
    ResourceExhaustedError,
    UpstreamTimeout,
)
from proxy.upstream.limits import DRAIN_TIMEOUT_S, MAX_DRAINED_BYTES
from tests.fakes import CALLER_KEY, END, FOREVER, PROVIDER_KEY, MemoryLog, request, settle
from tests.upstream.fixtures import COMMENT, DONE, MORE, ROLE, SSE, TEXT, run

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TIMES = "{connect: 2s, first_token: 40s, idle: 9s, response: 70s}"


# What is sent, and how long it may take.


async def test_only_listed_headers_are_forwarded_and_never_the_callers_key():
    one = run([TEXT])
    one.attempt.exchange.request = request(
        {
            "Authorization": f"Bearer {CALLER_KEY}", "x-api-key": CALLER_KEY, "Cookie": "a=b", "X-Provider": "a",
            "X-Forwarded-For": "10.1.1.1", "User-Agent": "app/1", "OpenAI-Beta": "x", "traceparent": TRACE,
        },
    )  # fmt: skip
    await one.end()
    assert one.transfer.request.headers == {
        "user-agent": "app/1", "openai-beta": "x", "traceparent": TRACE, "content-type": "application/json",
        "authorization": f"Bearer {PROVIDER_KEY}",
    }  # fmt: skip


async def test_a_stream_has_a_deadline_until_its_first_content_and_an_idle_timeout_after_it():
    one = run([ROLE, COMMENT, FOREVER], timeouts=TIMES)
    one.call.start()
    await settle()
    assert (one.transport.timeouts, one.transfer.timeouts) == ([(2, 40)], [])
    one.transfer.push(TEXT, MORE, END)
    await one.listener.is_over.wait()
    assert one.transfer.timeouts == [(inf, 9)]


async def test_a_response_without_streaming_has_one_deadline():
    one = run(200, stream=False, timeouts=TIMES)
    await one.end()
    assert (one.transport.timeouts, one.transfer.timeouts) == ([(2, 70)], [])


@pytest.mark.parametrize(("limit_s", "response_s"), [(3, 3), (1000, 40)])
async def test_a_failover_rule_may_shorten_the_time_for_the_first_content(limit_s, response_s):
    one = run([TEXT], timeouts=TIMES)
    one.attempt.first_content_timeout_s = limit_s
    await one.end()
    assert one.transport.timeouts == [(2, response_s)]


@pytest.mark.parametrize("row", [UpstreamTimeout("late"), [ROLE, UpstreamTimeout("late")]])
async def test_a_timeout_fails_the_attempt(row):
    one = run(row)
    await one.fail(UpstreamTimeout, "late")
    assert one.listener.calls == ["failure"]


async def test_waiting_for_the_first_content_counts_as_upstream_time():
    one = run(FOREVER)
    exchange = one.attempt.exchange
    one.call.start()
    exchange.runtime.clock.now += 1.5
    one.transfer.push((200, SSE), TEXT, MORE, END)
    await settle(2)
    exchange.runtime.clock.now += 100
    await one.listener.is_over.wait()
    assert exchange.upstream_wait_s == 1.5


@pytest.mark.parametrize("end", [ConnectError("no"), None], ids=["failed", "aborted"])
async def test_waiting_counts_as_upstream_time_even_if_the_attempt_comes_to_nothing(end):
    one = run(FOREVER)
    exchange = one.attempt.exchange
    one.call.start()
    exchange.runtime.clock.now += 1.5
    one.transfer.push(end) if end else one.call.abort()
    exchange.runtime.clock.now += 100
    assert exchange.upstream_wait_s == 1.5


@pytest.mark.parametrize(
    ("row", "error", "outcome"),
    [
        (ResourceExhaustedError("too many open files"), ResourceExhaustedError, "sidecar_overloaded"),
        (EgressError("no route"), EgressError, "egress_failed"),
        ((407, {}, [b""]), EgressError, "egress_failed"),
    ],
    ids=["exhausted", "no route", "the forward proxy's 407"],
)
async def test_a_local_error_is_logged(row, error, outcome):
    log = MemoryLog()
    one = run(row)
    one.attempt.exchange.runtime.telemetry.local_trouble.log = log.logger
    assert (await one.fail(error, "")).outcome == outcome
    assert [(line["level"], line["event"]) for line in log.lines] == [("warning", outcome)]


async def test_rate_limits_are_recorded_from_any_response():
    one = run((429, {"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "25"}, [b"{}"]))
    await one.end()
    record = one.attempt.exchange.runtime.telemetry.observations.get(one.attempt.step.target.id)
    assert record.rate_limit.used_ratio == 0.75


# Stopping.


@pytest.mark.parametrize("row", [FOREVER, [ROLE, FOREVER], [TEXT, FOREVER]], ids=["silent", "held", "open"])
async def test_an_aborted_call_closes_the_response_and_its_listener_is_not_called(row):
    one = run(row)
    one.call.start()
    await settle()
    before = list(one.listener.calls)
    one.call.abort()
    one.call.abort()
    one.transfer.push(TEXT, END)
    await settle()
    assert one.is_closed and one.listener.calls == before


async def test_pausing_pauses_the_connection():
    one = run([TEXT, FOREVER])
    one.call.pause()
    one.call.resume()
    one.call.start()
    await settle()
    one.call.pause()
    assert (one.transfer.paused, one.transfer.resumed) == (1, 0)
    one.call.resume()
    assert (one.transfer.paused, one.transfer.resumed) == (1, 1)


async def test_the_rest_of_a_drained_response_is_read_and_not_handed_on():
    one = run([TEXT, FOREVER])
    one.call.start()
    await settle()
    one.call.pause()
    now = asyncio.get_running_loop().time()
    one.call.drain()
    ((deadline, idle_s),) = one.transfer.timeouts[1:]
    assert (round(deadline - now, 1), idle_s, one.transfer.resumed) == (DRAIN_TIMEOUT_S, inf, 1)
    one.transfer.push(DONE, COMMENT, END)
    await settle()
    assert one.listener.calls == ["content"] and not one.is_closed


@pytest.mark.parametrize(("size", "closed"), [(MAX_DRAINED_BYTES, False), (MAX_DRAINED_BYTES + 1, True)])
async def test_a_drained_response_is_closed_if_much_follows(size, closed):
    one = run([TEXT, FOREVER])
    one.call.start()
    await settle()
    one.call.drain()
    one.transfer.push(b"x" * size, FOREVER)
    await settle()
    assert one.is_closed is closed


async def test_the_failure_of_a_drained_response_is_ignored():
    one = run([TEXT, FOREVER])
    one.call.start()
    await settle()
    one.call.drain()
    one.transfer.push(UpstreamTimeout("late"))
    assert one.listener.calls == ["content"]


# The `before` phases of attempts.


async def test_before_phases_run_in_order_before_the_request_is_sent():
    seen: list[str] = []

    def first(attempt):
        seen.append("first")

    async def second(attempt):
        await asyncio.sleep(0)
        seen.append("second")

    def third(attempt):
        assert not attempt.exchange.runtime.transport.sent
        seen.append("third")

    one = run([TEXT], before=(first, second, third))
    assert (await one.end()).calls == ["content", "end"]
    assert seen == ["first", "second", "third"]


def refuse(error: Exception) -> tuple[Any, Any]:
    """Return a phase that raises an error at once, and one that does later."""

    def at_once(attempt):
        raise error

    async def later(attempt):
        await asyncio.sleep(0)
        raise error

    return at_once, later


@pytest.mark.parametrize("phase", refuse(InvalidRequestError("no tools")), ids=["at once", "later"])
async def test_a_phase_may_refuse_the_attempt(phase):
    one = run([TEXT], before=(phase,))
    await one.fail(InvalidRequestError, "no tools")
    assert one.transport.sent == []


@pytest.mark.parametrize("phase", refuse(KeyError(PROVIDER_KEY)), ids=["at once", "later"])
async def test_an_exception_of_a_phase_is_an_internal_error_and_logged(phase):
    log = MemoryLog()
    one = run([TEXT], before=(phase,))
    one.attempt.exchange.runtime = replace(one.attempt.exchange.runtime, log=log.logger)
    await one.fail(ParrotError, "internal error; see the sidecar's log")
    assert [(line["level"], line["event"]) for line in log.lines] == [("error", "request_unhandled_error")]


async def test_aborting_during_a_phase_ends_it_and_sends_nothing():
    cancelled = asyncio.Event()

    async def waits(attempt):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()

    one = run([TEXT], before=(waits,))
    one.call.start()
    await settle()
    one.call.abort()
    await cancelled.wait()
    await settle()
    assert (one.transport.sent, one.listener.calls) == ([], [])


async def test_a_header_that_cannot_be_sent_fails_the_attempt():
    one = run(InvalidRequestError("the header"))
    await one.fail(InvalidRequestError, "the header")
