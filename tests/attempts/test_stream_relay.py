"""A stream that breaks continues at another target or ends with an error event; nothing is sent twice."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from proxy.errors import (
    ConnectError,
    InvalidRequestError,
    OverloadedError,
    ResourceExhaustedError,
    UpstreamDisconnected,
    UpstreamError,
    UpstreamTimeout,
)
from proxy.sse import data_of, split_frames
from tests.attempts.fixtures import parse_stream, run_attempts, start_attempts
from tests.fakes import FOREVER, chunk_event
from tests.virtual_time import virtual_time

CUT = UpstreamDisconnected("cut")
ONE, TWO, FINISH = chunk_event("one ", id="1"), chunk_event("two", id="1"), chunk_event(finish="stop")
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
ERROR = b'data: {"error":{"message":"overloaded","code":"overloaded_error"}}\n\n'
FAR_ERROR = b'data: {"error":{"message":"overloaded"},"x":1e999}\n\n'
CALL = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{}]},"finish_reason":null}]}\n\n'
OTHER = chunk_event("other")
IDLE_S = 300.0
"""The default of `content_idle`."""


def start(*rows, **options):
    return start_attempts(rows, stream=True, **options)


async def run(*rows, **options):
    return await run_attempts(rows, stream=True, **options)


WHOLE = "one two", ["stop"], [], 1


@pytest.mark.parametrize(
    ("rows", "tried", "received"),
    [
        ([[ONE, TWO, FINISH]], "a", WHOLE),
        ([[ONE, TWO, FINISH, CUT]], "a", WHOLE),
        ([[ONE, CUT], [ONE, TWO, FINISH]], "ab", WHOLE),
        ([[ONE, CUT], [ONE + TWO + FINISH + DONE]], "ab", WHOLE),
        ([[ONE], [ONE, TWO, FINISH]], "ab", WHOLE),
        ([[ONE, UpstreamTimeout("x")], [ONE, TWO, FINISH]], "ab", WHOLE),
        ([[ONE, ERROR], [ONE, TWO, FINISH]], "ab", WHOLE),
        ([[ONE + ERROR], [ONE, TWO, FINISH]], "ab", WHOLE),
        ([[ONE, CUT], UpstreamDisconnected("b"), [ONE, TWO, FINISH]], "abc", WHOLE),
        ([[ONE, CUT], InvalidRequestError("b"), [ONE, TWO, FINISH]], "ac", WHOLE),
        ([[ONE, CUT], ResourceExhaustedError("b"), [ONE, TWO, FINISH]], "abc", WHOLE),
        (
            [[ONE, CUT], UpstreamDisconnected("b"), UpstreamDisconnected("c")],
            "abc",
            ("one ", [], ["upstream_disconnected"], 0),
        ),
        ([[ONE, CUT], InvalidRequestError("b"), InvalidRequestError("c")], "a",
         ("one ", [], ["upstream_disconnected"], 0)),
        (
            [[ONE + ERROR], UpstreamDisconnected("b"), UpstreamDisconnected("c")],
            "abc",
            ("one ", [], ["overloaded_error"], 0),
        ),
        ([[ONE, CUT], [OTHER, FINISH]], "ab", ("one ", [], ["upstream_disconnected"], 0)),
        ([[ONE, CUT], [OTHER + FINISH + DONE]], "ab", ("one ", [], ["upstream_disconnected"], 0)),
        ([[ONE, CUT], [chunk_event("on"), FINISH]], "ab", ("one ", [], ["upstream_disconnected"], 0)),
        ([[ONE, CUT], [OTHER + ERROR]], "ab", ("one ", [], ["upstream_disconnected"], 0)),
        ([[ONE, CUT], 400, [ONE, TWO, FINISH]], "abc", WHOLE),
        ([[ONE, DONE, FOREVER], [ONE, TWO, FINISH]], "ab", WHOLE),
        ([[ONE, TWO, FINISH, ERROR], [ONE, TWO, FINISH]], "a", WHOLE),
        ([[ONE, TWO, FINISH + ERROR], [ONE, TWO, FINISH]], "a", WHOLE),
        ([[ONE, CUT], [ONE, TWO, CUT], ConnectError("c")], "abc", ("one two", [], ["upstream_disconnected"], 0)),
        ([[ONE, CUT], [ONE + TWO + ERROR], ConnectError("c")], "abc", ("one two", [], ["overloaded_error"], 0)),
        ([[ONE, FAR_ERROR], [ONE, TWO, FINISH]], "ab", WHOLE),
    ],
)  # fmt: skip
@virtual_time
async def test_the_caller_gets_the_whole_answer_once_or_an_error_event(rows, tried, received):
    running = await run(*rows)
    assert parse_stream(running.parts) == received
    assert running.transport.tried == tried and running.is_settled
    assert len(running.exchange.attempts) == len(tried)
    assert all(transfer.is_over for transfer in running.transport.transfers[:-1])
    assert all(attempt.recorder.is_over for attempt in running.exchange.attempts)
    assert (running.outcome == "ok") is (received == WHOLE)


@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ([[ONE, TWO, FINISH]], {}),
        ([[ONE, CUT], [ONE, TWO, FINISH]], {"resumed": 1}),
        ([[ONE, CUT], UpstreamDisconnected("b"), [ONE, TWO, FINISH]], {"resumed": 1}),
        ([[ONE, CUT], UpstreamDisconnected("b"), UpstreamDisconnected("c")], {"no_target": 1}),
        ([[ONE, CUT], [OTHER, FINISH]], {"resumed": 1, "mismatch": 1}),
        ([[ONE, ERROR], [ONE, TWO, FINISH]], {"resumed": 1}),
    ],
)
@virtual_time
async def test_the_result_of_a_resume_is_counted(rows, counted):
    running = await run(*rows)
    assert running.exchange.runtime.telemetry.counters.resumes == counted


@virtual_time
async def test_a_resumed_stream_keeps_its_id_and_the_winner_is_the_last():
    running = await run([ONE, CUT], [chunk_event("one ", id="2"), chunk_event("two", id="2"), FINISH])
    events = [orjson.loads(data) for data in map(data_of, split_frames(b"".join(running.parts))) if data != b"[DONE]"]
    assert {event["id"] for event in events if event.get("id")} == {"1"}
    assert [event["provider"] for event in events] == ["a", "b", "b"]
    assert running.exchange.winning_attempt is running.exchange.attempts[1]
    assert running.outcomes == ["upstream_disconnected", "ok"]


@virtual_time
async def test_an_answer_that_differs_does_not_count_against_its_target():
    running = await run([ONE, CUT], [OTHER, FOREVER])
    assert running.outcomes == ["upstream_disconnected", "cancelled"]
    assert running.outcome == "upstream_disconnected"  # the caller's error event
    assert running.transport.transfers[1].aborted == 1
    assert running.exchange.runtime.telemetry.observations.get("b@us/m-b").failed_at is None


@virtual_time
async def test_lines_that_end_in_cr_are_lines_too():
    rows = [[part.replace(b"\n", b"\r") for part in row] for row in ([ONE + ERROR, b":"], [ONE, TWO + FINISH, b":"])]
    running = await run(*rows)
    frames = split_frames(b"".join(running.parts))
    text = [
        orjson.loads(data)["choices"][0]["delta"].get("content") for data in map(data_of, frames) if data != b"[DONE]"
    ]
    assert text == ["one ", "two", None] and running.transport.tried == "ab"


@virtual_time
async def test_an_interrupt_in_a_resume_ends_the_stream_with_an_error_event():
    running = start([ONE, CUT], FOREVER)
    await asyncio.sleep(1)
    running.run.interrupt(UpstreamError("shutting down", code=OverloadedError.code))
    assert parse_stream(running.parts) == ("one ", [], ["sidecar_overloaded"], 0)
    assert running.transport.tried == "ab" and running.is_settled
    assert running.outcomes == ["upstream_disconnected", "cancelled"]


@virtual_time
async def test_an_interrupted_stream_does_not_count_against_its_target():
    running = start([ONE, FOREVER], [ONE, TWO, FINISH])
    await asyncio.sleep(1)
    running.run.interrupt(UpstreamError("shutting down", code=OverloadedError.code))
    assert parse_stream(running.parts)[2] == ["sidecar_overloaded"] and running.outcome == "sidecar_overloaded"
    assert running.transport.tried == "a" and running.transport.transfers[0].aborted == 1
    assert running.exchange.runtime.telemetry.observations.get("a@us/m-a").failed_at is None


@virtual_time
async def test_an_interrupted_stream_of_which_only_the_trailer_is_missing_ends_as_complete():
    running = start([ONE, TWO, FINISH, FOREVER])
    await asyncio.sleep(0.1)
    assert running.outcome is None
    running.run.interrupt(UpstreamError("shutting down", code=OverloadedError.code))
    assert parse_stream(running.parts) == WHOLE and running.outcome == "ok" and running.is_settled


@pytest.mark.parametrize(
    ("rows", "after", "outcomes"),
    [
        ([[ONE, FOREVER]], 1, ["cancelled"]),
        ([[ONE, FINISH, FOREVER]], 0.5, ["ok"]),
        ([[ONE, CUT], FOREVER], 1, ["upstream_disconnected", "cancelled"]),
    ],
    ids=["in the answer", "before the trailer", "in a resume"],
)
@virtual_time
async def test_a_cancel_aborts_the_attempt_in_progress(rows, after, outcomes):
    running = start(*rows)
    await asyncio.sleep(after)
    written = len(running.parts)
    running.run.cancel()
    await asyncio.sleep(1000)
    assert running.outcomes == outcomes and running.is_settled and len(running.parts) == written
    assert running.transport.transfers[-1].aborted == 1 and running.run.due == float("inf")


# What is left of a connection


@pytest.mark.parametrize("rows", [[ONE, FINISH + DONE, FOREVER], [ONE, FINISH, FOREVER]])
@virtual_time
async def test_the_rest_of_a_complete_response_is_drained(rows):
    running = await run(rows)
    transfer = running.transport.transfers[0]
    assert not transfer.aborted and transfer.timeouts[-1][0] == pytest.approx(asyncio.get_running_loop().time() + 1)
    written = len(running.parts)
    transfer.push(b": more\n\n" * 8000)
    assert not transfer.aborted and len(running.parts) == written
    transfer.push(b": more\n\n" * 8000)
    assert transfer.aborted == 1
