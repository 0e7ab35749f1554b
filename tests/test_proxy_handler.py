"""The handler of the data listener gives each request its id and generation, and knows which are in progress."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from proxy.generation import GenerationFactory
from proxy.middleware.endpoints import LocalEndpoint
from proxy.pipeline import PipelineTerminals
from proxy.upstream.call import make_start_call
from tests.callers import ASK, STREAM, post, world
from tests.fakes import END, FOREVER, NOW, chunk_event, generation, routing_yaml, settle
from tests.virtual_time import virtual_time

TEXT, FINISH, DONE = chunk_event("text"), chunk_event(finish="stop"), b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [
        ("req-7", True),
        ("a b", True),
        ("{team}/7?x=%0d%0aX-Provider: evil", True),
        ("".join(map(chr, range(0x21, 0x7F))), True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("a\tb", False),
        ("\u00e9t\u00e9", False),
        (None, False),
    ],
)
async def test_a_printable_request_id_is_kept_any_other_is_replaced_and_the_request_is_served(
    sent: str | None, is_kept: bool
) -> None:
    here = world(200)
    caller = here.connect()
    caller.send(post(ASK, *([] if sent is None else [f"X-Request-Id: {sent}"])))
    await settle()
    [(status, headers, _)] = caller.responses
    assert status == 200 and "x-provider" in headers and headers["x-provider"] != "evil"
    assert (headers["x-request-id"] == sent) is is_kept and (is_kept or len(headers["x-request-id"]) == 24)


@pytest.mark.parametrize(
    "sent", [b"a\rX-Evil: 1", b"a\nX-Evil: 1", b"a\r\n X-Evil: 1", b"a\0b", b"\xff\xfe", b"a\x1b[2J"]
)
async def test_a_request_id_cannot_add_a_header_or_a_control_character(sent: bytes) -> None:
    here = world(200)
    caller = here.connect()
    caller.send(post(ASK, "X-Request-Id: ID").replace(b"ID\r", sent + b"\r"))
    await settle()
    assert len(caller.responses) == 1 and b"Evil" not in caller.socket.sent
    assert b"\x1b" not in caller.socket.sent and b"\0" not in caller.socket.sent


async def test_ids_are_different() -> None:
    here = world(200, 200)
    caller = here.connect()
    caller.send(post() + post())
    await settle()
    first, second = (headers["x-request-id"] for _, headers, _ in caller.responses)
    assert first != second


async def test_a_request_keeps_the_generation_that_it_began_with() -> None:
    here = world([TEXT, FOREVER], 200)
    caller, other = here.connect(), here.connect()
    caller.send(post(STREAM, "X-Provider: a"))
    await settle()
    built = generation(routing_yaml().replace("{a: m-a, b: m-b, c: m-c}", "{b: new}"))
    here.handler.activate(replace(built, number=2))
    other.send(post())
    here.transport.transfers[0].push(FINISH, DONE, END)
    await settle()
    assert caller.responses[0][1]["x-provider"] == "a" and caller.responses[0][2].endswith(DONE)
    assert other.responses[0][1]["x-provider"] == "b" and b'"new"' in here.transport.sent[1].body
    loaded = here.handler.runtime.telemetry.activity.loaded
    assert loaded is not None and (loaded.number, loaded.loaded_at) == (2, NOW)


async def test_a_page_is_served_without_a_key_and_other_paths_are_not() -> None:
    def answer(one: Any) -> Any:
        raise AssertionError("not called")

    local = {"/page": LocalEndpoint("GET", answer, is_public=True), "/data": LocalEndpoint("GET", answer)}
    keyed = routing_yaml("[{auth: {keys: [{name: app, value: k}]}}, header_policy, limits, strategy, sse_passthrough, failover, translate]")  # fmt: skip
    factory = GenerationFactory({}, lambda path: "", PipelineTerminals(make_start_call, local))
    here = world(built=factory.build(keyed, "routing.yaml", 1))
    for path, status in (("/page", 500), ("/page?x=1", 500), ("/data", 401), ("/page/x", 401), ("/", 401)):
        caller = here.connect()
        caller.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await settle()
        assert caller.statuses == [status], path  # a 500 is the handler's AssertionError: it was called


@virtual_time
async def test_wait_idle_returns_after_the_last_request() -> None:
    here = world(FOREVER, [TEXT, FOREVER])
    callers = [here.connect(), here.connect()]
    callers[0].send(post())
    callers[1].send(post(STREAM))
    await settle()
    assert here.handler.active == 2
    waiting = asyncio.ensure_future(here.handler.wait_idle())
    callers[0].disconnect()
    await settle()
    assert here.handler.active == 1 and not waiting.done()
    here.transport.transfers[1].push(FINISH, DONE, END)
    await waiting
    assert here.handler.active == 0
    await here.handler.wait_idle()


@virtual_time
async def test_abort_streams_ends_every_request_in_progress() -> None:
    here = world(FOREVER, [TEXT, FOREVER])
    callers = [here.connect() for _ in range(3)]
    callers[0].send(post())
    callers[1].send(post(STREAM))
    callers[2].send(post()[:-5])
    await settle()
    here.handler.drain()
    here.handler.abort_streams()
    await here.handler.wait_idle()
    assert [caller.statuses for caller in callers] == [[503], [200], [503]]
    assert b"sidecar_overloaded" in callers[1].responses[0][2]
    assert [caller.responses[0][1]["connection"] for caller in (callers[0], callers[2])] == ["close", "close"]
    assert all(transfer.is_over for transfer in here.transport.transfers)
    await asyncio.sleep(60)
    assert callers[0].is_closed and callers[2].is_closed
