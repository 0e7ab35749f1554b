"""A stream is kept open with pings between its events, may begin before any provider answers, and is held where it must."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from proxy.attempts import outcomes
from proxy.errors import UpstreamTimeout
from proxy.exchange import Exchange
from proxy.middleware.sse_passthrough import SsePassthrough
from tests.drivers import both_drivers, pipeline
from tests.fakes import FOREVER, PIPELINE, SSE, FakeClient, MemoryLog, chunk_event, routing_yaml, settle, start_request
from tests.probes import STREAM, assert_released, insert, one_request, three
from tests.virtual_time import virtual_time

TEXT, FINISH, DONE = chunk_event("text"), chunk_event(finish="stop"), b"data: [DONE]\n\n"
PING = b": ping\n\n"


def with_options(options: str) -> str:
    """Return a routing.yaml with options of `sse_passthrough`."""
    return routing_yaml(PIPELINE.replace("sse_passthrough", f"{{sse_passthrough: {options}}}"))


def start(
    driver: str, *rows: Any, options: str = "{}", raw: bytes = STREAM, **more: Any
) -> tuple[FakeClient, Exchange]:
    one = one_request(*rows, raw=raw, **more)
    return start_request(one, pipeline(driver, with_options(options))), one


def push(one: Exchange, *steps: Any) -> None:
    """Let the last provider go on."""
    one.runtime.transport.transfers[-1].push(*steps)


@both_drivers
@virtual_time
async def test_pings_come_while_nothing_else_does_and_only_between_events(driver: str) -> None:
    client, one = start(driver, [TEXT, TEXT[:20], FOREVER])
    await asyncio.sleep(50)
    assert client.parts[0].endswith(b"\n\n") and client.parts[0].startswith(b"data: ")
    assert client.parts[1:] == [PING] * 3
    push(one, TEXT[20:], FINISH, DONE)
    await client.has_ended.wait()
    assert client.parts.count(PING) == 3 and client.body.endswith(DONE)
    assert client.body.count(b'"text"') == 2


@both_drivers
@virtual_time
async def test_an_event_puts_the_ping_off(driver: str) -> None:
    client, one = start(driver, [TEXT, FOREVER])
    for _ in range(5):
        await asyncio.sleep(14)
        push(one, TEXT, FOREVER)
        await settle()
    assert PING not in client.parts
    await asyncio.sleep(15.1)
    assert client.parts[-1] == PING
    client.disconnect()


@both_drivers
@virtual_time
async def test_what_has_arrived_is_sent_before_any_ping(driver: str) -> None:
    client, _ = start(driver, [TEXT, FINISH, DONE], options="{ping: 1ms}")
    await client.has_ended.wait()
    assert PING not in client.parts


@both_drivers
@virtual_time
async def test_nothing_is_sent_before_the_first_content(driver: str) -> None:
    client, _ = start(driver, [b": hello\n\n", FOREVER])
    await asyncio.sleep(7)
    assert client.status == 0 and client.parts == []
    client.disconnect()


@both_drivers
@virtual_time
async def test_a_complete_response_has_no_pings(driver: str) -> None:
    client, _ = start(driver, FOREVER, raw=b"")
    await asyncio.sleep(25)
    assert client.parts == []
    client.disconnect()


# Early commit.


@both_drivers
@virtual_time
async def test_after_an_early_commit_the_caller_gets_pings_and_then_the_answer(driver: str) -> None:
    client, one = start(driver, [FOREVER], [FOREVER], options="{early_commit: 5s}")
    await asyncio.sleep(4.9)
    assert client.status == 0
    await asyncio.sleep(20.2)
    assert client.status == 200 and client.parts == [PING, PING]
    assert not [name for name in client.headers if name.startswith("X-Provider-M") or name == "X-Provider"]
    one.runtime.transport.transfers[0].push((200, SSE), TEXT, FINISH, DONE)
    await client.has_ended.wait()
    assert client.events[-1] == b"[DONE]" and one.outcome == "ok"
    assert_released(one)


@both_drivers
@virtual_time
async def test_a_failure_after_an_early_commit_is_an_error_event(driver: str) -> None:
    late = UpstreamTimeout("late")
    client, one = start(driver, *[[FOREVER]] * 3, options="{early_commit: 2s}")
    await asyncio.sleep(3)
    for number in range(3):
        one.runtime.transport.transfers[number].push(late)
        await settle()
    await client.has_ended.wait()
    assert client.status == 200 and client.parts[0] == PING
    assert orjson.loads(client.events[-1])["error"]["code"] == "upstream_timeout" == one.outcome
    assert b"[DONE]" not in client.events
    assert_released(one)


@both_drivers
@pytest.mark.parametrize(
    ("rows", "raw", "status"), [([504] * 3, STREAM, 504), ([[TEXT, FINISH, DONE]], STREAM, 200), ([200], b"", 200)]
)
@virtual_time
async def test_what_is_quick_is_answered_as_if_there_were_no_early_commit(
    driver: str, rows: list[Any], raw: bytes, status: int
) -> None:
    client, one = start(driver, *rows, options="{early_commit: 10s}", raw=raw)
    await client.has_ended.wait()
    assert client.status == status and PING not in client.parts
    assert client.headers.get("X-Provider") == ("a" if status == 200 else None)
    assert not one.headers_sent_early


@both_drivers
@virtual_time
async def test_only_streams_are_committed_early(driver: str) -> None:
    client, _ = start(driver, FOREVER, options="{early_commit: 2s}", raw=b"")
    await asyncio.sleep(10)
    assert client.status == 0
    client.disconnect()


@both_drivers
@virtual_time
async def test_phases_see_the_stream_that_was_committed_early_once(driver: str) -> None:
    calls: list[str] = []
    one = one_request([FOREVER], raw=STREAM)
    built = insert(three(calls, driver), pipeline(driver, with_options("{early_commit: 2s}")))
    client = start_request(one, built)
    await asyncio.sleep(3)
    assert calls[3:] == [f"after {each} 200" for each in ("inner", "middle", "outer")]
    push(one, (200, SSE), TEXT, FINISH, DONE)
    await client.has_ended.wait()
    assert calls[6:] == [f"closed {each} ok" for each in ("inner", "middle", "outer")]


@virtual_time
async def test_a_format_without_pings_gets_its_head_early_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = replace(one_request().client_format, ping=b"")
    monkeypatch.setattr(Exchange, "client_format", property(lambda self: silent))
    client, _ = start("callbacks", [FOREVER], options="{early_commit: 2s}")
    await asyncio.sleep(40)
    assert client.status == 200 and client.parts == []
    client.disconnect()


# What a middleware waits for.


@virtual_time
async def test_what_the_provider_sends_while_a_middleware_waits_is_held_and_the_provider_paused() -> None:
    calls, gate = [], asyncio.Event()
    one = one_request([TEXT, chunk_event("more"), FINISH, DONE], raw=STREAM)
    client = start_request(one, insert(three(calls, "task", middle={"gates": {"after": gate}})))
    await settle()
    [transfer] = one.runtime.transport.transfers
    assert (transfer.paused, client.status, client.parts) == (1, 0, [])
    gate.set()
    await client.has_ended.wait()
    assert client.body.count(b'"text"') == client.body.count(b'"more"') == client.body.count(b"[DONE]") == 1
    assert client.body.index(b'"text"') < client.body.index(b'"more"') < client.body.index(b"[DONE]")


# Exceptions that nobody expects.


@both_drivers
@pytest.mark.parametrize("event", ["ContentReceived", "Completed", "Failed"])
@pytest.mark.parametrize("raw", [b"", STREAM])
@virtual_time
async def test_a_bug_while_an_attempt_is_settled_ends_its_request_alone(
    driver: str, event: str, raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_attempt = outcomes.apply

    def broken(attempt: Any, settled: Any, *more: Any) -> None:
        if type(settled).__name__ == event:
            raise KeyError("bug")
        settle_attempt(attempt, settled, *more)

    monkeypatch.setattr(outcomes, "apply", broken)
    log = MemoryLog()
    answer = [TEXT, FINISH, DONE] if raw else 200
    client, one = start(driver, *([504, answer] if event == "Failed" else [answer]), raw=raw, log=log)
    await client.has_ended.wait()
    assert one.outcome == "internal_error" and "KeyError" in log.text
    if raw and event == "Completed":
        assert client.status == 200 and orjson.loads(client.events[-1])["error"]["code"] == "internal_error"
    else:
        assert (client.status, client.error["code"]) == (500, "internal_error")
    assert one.runtime.load.requests == 0


@both_drivers
@virtual_time
async def test_a_bug_in_a_deadline_ends_its_request_alone(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client, one = start(driver, [TEXT, FOREVER])
    await settle()

    def broken(*_: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr("proxy.response_writer.ResponseWriter.ping", broken)
    await client.has_ended.wait()
    assert orjson.loads(client.events[-1])["error"]["code"] == "internal_error" == one.outcome
    assert_released(one)


def test_the_options_are_those_of_the_file() -> None:
    built = pipeline("callbacks", with_options("{ping: 1s, early_commit: 2s}"))
    assert (built.find(SsePassthrough).ping, built.stream_options.early_commit) == (1, 2)
