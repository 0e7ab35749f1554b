"""How long a stream may be silent, and how a slow caller changes that."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from msgspec import structs

from proxy.attempts.settings import Hedge
from proxy.attempts.stream_deadlines import TRAILER_TIMEOUT_S
from proxy.config.auto_duration import OFF, AutoOrDuration
from proxy.errors import UpstreamDisconnected
from tests.attempts.fixtures import parse_stream, run_attempts, start_attempts
from tests.fakes import FOREVER, Later, chunk_event
from tests.virtual_time import virtual_time

CUT = UpstreamDisconnected("cut")
ONE, TWO, FINISH = chunk_event("one ", id="1"), chunk_event("two", id="1"), chunk_event(finish="stop")
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
CALL = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{}]},"finish_reason":null}]}\n\n'
IDLE_S = 300.0
"""The default of `content_idle`."""
WHOLE = "one two", ["stop"], [], 1


def start(*rows, **options):
    return start_attempts(rows, stream=True, **options)


async def run(*rows, **options):
    return await run_attempts(rows, stream=True, **options)


@virtual_time
async def test_a_stream_of_pings_alone_breaks_after_content_idle():
    running = start([ONE, *[20.0, PING] * 40], [ONE, TWO, FINISH])
    began = asyncio.get_running_loop().time()
    await running.has_ended.wait()
    assert parse_stream(running.parts) == WHOLE and running.outcomes == ["upstream_timeout", "ok"]
    assert IDLE_S <= asyncio.get_running_loop().time() - began < IDLE_S + 2


@pytest.mark.parametrize(
    "event", [chunk_event("x"), CALL, b'data: {"choices":[{"index":0,"delta":{"reasoning":"x"}}]}\n\n']
)
@virtual_time
async def test_content_of_any_kind_is_no_silence(event):
    running = await run([CALL if event == CALL else ONE, *[200.0, event] * 5, FINISH])
    assert running.outcome == "ok"


@virtual_time
async def test_the_content_idle_of_the_target_that_continues_holds_after_a_resume():
    no_hedge = Hedge(AutoOrDuration(OFF))
    running = start([ONE, 1.0, CUT], [ONE, *[5.0, PING] * 100], hedge=no_hedge, max_retries=1)
    step = running.exchange.decision.plan[1]
    target = replace(step.target, timeouts=structs.replace(step.target.timeouts, content_idle=30.0))
    running.run._starter.planner.unused[0] = structs.replace(step, target=target)
    began = asyncio.get_running_loop().time()
    await running.has_ended.wait()
    assert running.outcomes == ["upstream_disconnected", "upstream_timeout"]
    assert 31 <= asyncio.get_running_loop().time() - began < 35


@virtual_time
async def test_a_stream_ends_with_its_terminal_event_whatever_the_provider_does_then():
    running = start([ONE, TWO, FINISH + DONE, FOREVER])
    await asyncio.sleep(0.1)
    assert running.outcome == "ok" and parse_stream(running.parts) == WHOLE


@virtual_time
async def test_a_complete_answer_ends_without_its_trailer_after_a_second():
    running = start([ONE, TWO, FINISH, FOREVER])
    began = asyncio.get_running_loop().time()
    await running.has_ended.wait()
    assert parse_stream(running.parts) == WHOLE and running.outcomes == ["ok"]
    assert asyncio.get_running_loop().time() - began == pytest.approx(TRAILER_TIMEOUT_S)


@virtual_time
async def test_time_in_which_the_caller_is_slow_is_not_the_providers_silence():
    running = start([ONE, FOREVER])
    await asyncio.sleep(1)
    running.run.pause()
    await asyncio.sleep(1000)
    running.run.resume()
    await asyncio.sleep(IDLE_S - 5)
    assert running.outcome is None
    running.transport.transfers[0].push(PING, TWO, FINISH, DONE)
    await running.has_ended.wait()
    assert parse_stream(running.parts) == WHOLE and running.outcomes == ["ok"]
    transfer = running.transport.transfers[0]
    assert (transfer.paused, transfer.resumed >= 1) == (1, True)


@virtual_time
async def test_time_in_which_the_caller_is_slow_does_not_cost_the_trailer():
    running = start([ONE, TWO, FINISH, FOREVER])
    await asyncio.sleep(0.5)
    running.run.pause()
    await asyncio.sleep(10.3)
    running.run.resume()
    await asyncio.sleep(0.4)
    assert running.outcome is None
    running.transport.transfers[0].push(b'data: {"choices":[],"usage":{"prompt_tokens":7}}\n\n', DONE)
    await running.has_ended.wait()
    assert running.exchange.attempts[0].completion.usage == {"prompt_tokens": 7}


@virtual_time
async def test_a_pause_before_the_first_content_holds_from_that_on():
    running = start(Later(2.0, [ONE, TWO, FOREVER]))
    running.run.pause()
    await asyncio.sleep(3)
    transfer = running.transport.transfers[0]
    assert (transfer.paused, transfer.resumed) == (1, 0)
    running.run.resume()
    assert transfer.resumed == 1


@virtual_time
async def test_a_pause_that_ended_before_the_first_content_pauses_nothing():
    running = start(Later(2.0, [ONE, TWO, FOREVER]))
    running.run.pause()
    running.run.resume()
    await asyncio.sleep(3)
    assert running.transport.transfers[0].paused == 0


@virtual_time
async def test_a_target_that_continues_a_paused_stream_is_paused_too():
    running = start([ONE, FOREVER], [ONE, TWO, FOREVER])
    await asyncio.sleep(1)
    running.run.pause()
    running.transport.transfers[0].push(CUT)
    await asyncio.sleep(1)
    assert [transfer.paused > 0 for transfer in running.transport.transfers] == [True, True]
    await asyncio.sleep(1000)
    running.run.resume()
    assert running.transport.transfers[1].resumed == 1
    await asyncio.sleep(IDLE_S - 5)
    assert running.outcome is None
    running.transport.transfers[1].push(FINISH, DONE)
    await running.has_ended.wait()
    assert parse_stream(running.parts) == WHOLE


@virtual_time
async def test_time_paused_before_the_continuation_began_is_not_its_time():
    running = start([ONE, FOREVER], Later(100.0, [ONE, TWO, FOREVER]), plan="ab")
    await asyncio.sleep(1)
    running.run.pause()
    running.transport.transfers[0].push(CUT)
    await asyncio.sleep(200)
    running.run.resume()
    await asyncio.sleep(IDLE_S - 5)
    assert running.outcome is None
    await asyncio.sleep(10)
    assert running.outcome == "upstream_timeout"
