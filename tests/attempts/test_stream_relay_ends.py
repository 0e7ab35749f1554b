"""How a stream ends: with `[DONE]` after a complete answer, with an error event after one that was cut."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from msgspec import structs

from proxy.attempts.stream_deadlines import TRAILER_TIMEOUT_S
from proxy.errors import ResourceExhaustedError, UpstreamDisconnected, UpstreamTimeout
from proxy.exchange import Exchange
from proxy.routing.facts import Facts
from tests.attempts.fixtures import parse_stream, start_run
from tests.drivers import both_drivers, pipeline
from tests.fakes import (
    ANSWER,
    BODY,
    FOREVER,
    FakeClient,
    FakeTransport,
    chunk_event,
    exchange,
    planned_exchange,
    request,
    start_request,
)
from tests.virtual_time import virtual_time

TEXT = chunk_event(ANSWER)
FINISH = chunk_event(finish="stop")
USAGE = b'data: {"model":"m-1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
ERROR = b'data: {"error":{"message":"broke"}}\n\n'
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
CUT = UpstreamDisconnected("reset")


def start(driver: str, rows: list[Any], **members: Any) -> tuple[FakeClient, Exchange]:
    """Start a stream that no other provider may serve or continue."""
    one = exchange(
        request({"X-Provider": "a", "X-Retry-On-Provider-Error": "false"}),
        transport=FakeTransport([list(rows)]),
        raw=orjson.dumps({**BODY, "stream": True, **members}),
    )
    return start_request(one, pipeline(driver)), one


async def run(driver: str, rows: list[Any], **members: Any) -> tuple[FakeClient, str | None]:
    """Run such a stream to its end; return what the caller got, and the attempt's outcome."""
    client, _ = start(driver, rows, **members)
    await client.has_ended.wait()
    return client, client.attempts[0].outcome


@both_drivers
@virtual_time
async def test_a_complete_stream_passes_and_ends_with_its_own_done(driver: str) -> None:
    client, outcome = await run(driver, [TEXT, FINISH, USAGE, DONE], stream_options={"include_usage": True})
    assert len(client.events) == 4 and client.events[-1] == b"[DONE]"
    assert outcome == "ok"


@both_drivers
@pytest.mark.parametrize("end", [[], [CUT], [UpstreamTimeout("nothing for 30 s")], [FOREVER]])
@virtual_time
async def test_done_is_added_once_a_finish_was_seen(driver: str, end: list[Any]) -> None:
    client, outcome = await run(driver, [TEXT, FINISH, *end])
    assert client.events[-1] == b"[DONE]" and client.events.count(b"[DONE]") == 1
    assert outcome == "ok"


@both_drivers
@pytest.mark.parametrize(
    ("end", "code"),
    [
        ([], "upstream_disconnected"),
        ([UpstreamDisconnected("a.test closed the connection")], "upstream_disconnected"),
        ([UpstreamTimeout("a sent nothing for 30 s")], "upstream_timeout"),
        ([DONE, FOREVER], "upstream_disconnected"),  # [DONE] without a finish reason ends nothing
    ],
)
@virtual_time
async def test_a_cut_stream_ends_with_an_error_event_and_no_done(driver: str, end: list[Any], code: str) -> None:
    client, outcome = await run(driver, [TEXT, *end])
    assert orjson.loads(client.events[-1])["error"]["code"] == code
    assert b"[DONE]" not in client.events
    assert outcome == code


@both_drivers
@virtual_time
async def test_a_stream_that_the_sidecar_itself_cuts_ends_with_its_error_event(driver: str) -> None:
    client, outcome = await run(driver, [TEXT, ResourceExhaustedError("out of resources")])
    assert orjson.loads(client.events[-1])["error"]["code"] == outcome == "sidecar_overloaded"
    assert b"[DONE]" not in client.events


@both_drivers
@virtual_time
async def test_half_an_event_is_not_sent_when_the_stream_is_cut_within_it(driver: str) -> None:
    client, _ = await run(driver, [TEXT, TEXT[:20], CUT])
    assert client.body.count(b"data: ") == 2
    assert client.parts[-1].startswith(b'data: {"error"') and client.parts[-1].endswith(b"\n\n")


@both_drivers
@virtual_time
async def test_the_providers_own_error_event_ends_the_stream_without_done(driver: str) -> None:
    client, one = start(driver, [TEXT, ERROR, FOREVER])
    await client.has_ended.wait()
    assert client.events[-1] == ERROR.removeprefix(b"data: ").strip()
    assert one.runtime.transport.transfers[0].aborted == 1
    assert client.attempts[0].outcome == "upstream_error"


@both_drivers
@pytest.mark.parametrize("error", ['"boom"', '["boom"]', '{"message":["boom"]}', '{"detail":"boom"}'])
@virtual_time
async def test_an_error_event_that_clients_cannot_read_is_replaced(driver: str, error: str) -> None:
    client, _ = await run(driver, [TEXT, b'data: {"error":%b}\n\n' % error.encode()])
    members = orjson.loads(client.events[-1])["error"]
    assert (members["message"], members["code"]) == ("boom", "upstream_error")
    assert client.attempts[0].outcome == "upstream_error"


@both_drivers
@virtual_time
async def test_the_stream_ends_with_done_though_the_provider_stays_connected(driver: str) -> None:
    started = asyncio.get_running_loop().time()
    client, one = start(driver, [TEXT, FINISH, DONE, FOREVER])
    await client.has_ended.wait()
    assert asyncio.get_running_loop().time() - started < TRAILER_TIMEOUT_S
    assert client.events[-1] == b"[DONE]" and client.attempts[0].outcome == "ok"
    deadline, _ = one.runtime.transport.transfers[0].timeouts[-1]
    assert deadline < started + 2  # only the rest of the response is read, for a moment


@both_drivers
@virtual_time
async def test_after_its_end_the_stream_takes_nothing_more(driver: str) -> None:
    client, one = start(driver, [TEXT, FINISH, DONE, FOREVER])
    await client.has_ended.wait()
    before = client.body
    one.runtime.transport.transfers[0].push(TEXT, CUT)
    await asyncio.sleep(60)
    assert client.body == before and client.attempts[0].outcome == "ok"


BOTH = [chunk_event("a"), chunk_event(finish="stop"), b'data: {"choices":[{"index":1,"delta":{"content":"b"}}]}\n\n',
        b'data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}\n\n']  # fmt: skip


@both_drivers
@virtual_time
async def test_the_second_of_two_choices_may_begin_long_after_the_first_has_finished(driver: str) -> None:
    client, one = start(driver, [*BOTH[:2], FOREVER], n=2)
    await asyncio.sleep(20)
    assert client.parts[-1] == PING
    one.runtime.transport.transfers[0].push(*BOTH[2:], DONE)
    await client.has_ended.wait()
    assert client.body.endswith(DONE) and client.attempts[0].outcome == "ok"


@both_drivers
@pytest.mark.parametrize(("end", "is_complete"), [([], True), ([DONE], True), ([CUT], False)])
@virtual_time
async def test_a_choice_that_never_began_is_missing_only_where_the_stream_broke(
    driver: str, end: list[Any], is_complete: bool
) -> None:
    client, outcome = await run(driver, [*BOTH[:2], *end], n=2)
    assert (client.events[-1] == b"[DONE]") is is_complete and (outcome == "ok") is is_complete


def start_compatible(*row: Any) -> Any:
    """Start an attempt at a host whose finish reasons are held back until its stream ends."""
    planned = planned_exchange("a", transport=FakeTransport([list(row)]))
    step = planned.decision.plan[0]
    target = replace(step.target, provider=replace(step.target.provider, dialect="compatible"))
    planned.decision = structs.replace(planned.decision, plan=(structs.replace(step, target=target),))
    planned.raw, planned.facts = orjson.dumps({**BODY, "stream": True}), Facts("chat", "m", stream=True)
    return start_run(planned)


HELD = [chunk_event("one "), chunk_event(finish="stop")]


@virtual_time
async def test_a_finish_reason_that_was_held_back_is_sent_when_the_trailer_is_late():
    running = start_compatible(*HELD, FOREVER)
    began = asyncio.get_running_loop().time()
    await running.has_ended.wait()
    assert parse_stream(running.parts) == ("one ", ["stop"], [], 1) and running.outcomes == ["ok"]
    assert asyncio.get_running_loop().time() - began == pytest.approx(TRAILER_TIMEOUT_S)


@virtual_time
async def test_a_finish_reason_that_was_held_back_is_sent_at_an_interruption():
    running = start_compatible(*HELD, FOREVER)
    await asyncio.sleep(0.1)
    assert running.outcome is None
    running.run.interrupt(UpstreamDisconnected("shutting down"))
    assert parse_stream(running.parts) == ("one ", ["stop"], [], 1) and running.outcome == "ok"


@virtual_time
async def test_a_finish_reason_that_was_held_back_is_sent_if_an_error_follows_it():
    running = start_compatible(*HELD, b'data: {"error":{"message":"late"}}\n\n')
    await running.has_ended.wait()
    assert parse_stream(running.parts) == ("one ", ["stop"], [], 1) and running.outcomes == ["ok"]


@virtual_time
async def test_an_answer_that_goes_on_for_long_after_a_finish_reason_is_whole():
    running = start_compatible(*HELD, 0.9, chunk_event("two "), 0.9, chunk_event("three"), 0.9, b"data: [DONE]\n\n")
    await running.has_ended.wait()
    assert parse_stream(running.parts) == ("one two three", ["stop"], [], 1) and running.outcomes == ["ok"]
