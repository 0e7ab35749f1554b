"""A caller that does not read slows its provider down, and one that leaves ends its request; nothing stays behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxy.downstream.client_connection import KEEP_ALIVE_S
from proxy.downstream.stall_watch import INTERVAL_S, STALL_TIMEOUT_S
from proxy.exchange import Exchange
from proxy.generation import Generation, GenerationFactory
from proxy.messages import RawResponse, Response
from proxy.middleware.endpoints import LocalEndpoint
from proxy.pipeline import PipelineTerminals
from proxy.upstream.call import make_start_call
from tests.callers import STREAM, Caller, World, post, world
from tests.fakes import END, FOREVER, chunk_event, routing_yaml, settle
from tests.virtual_time import virtual_time

TEXT, FINISH, DONE = chunk_event("text"), chunk_event(finish="stop"), b"data: [DONE]\n\n"


async def assert_gone(here: World, caller: Caller, outcome: str | None) -> None:
    """Assert that the connection and its request are forgotten."""
    await settle()
    assert caller.protocol not in here.watched and here.listener.connections == []
    assert here.handler.active == 0 and here.handler.runtime.load.requests == 0
    outcomes = [line["outcome"] for line in here.log.lines if line["event"] == "request_completed"]
    assert outcomes[-1:] == ([outcome] if outcome else [])


# A caller that does not read.


async def test_a_stream_that_is_not_read_pauses_its_provider() -> None:
    here = world([TEXT, FOREVER])
    caller = here.connect()
    caller.send(post(STREAM))
    await settle()
    [transfer] = here.transport.transfers
    caller.socket.is_full = True
    transfer.push(TEXT, FOREVER)
    await settle()
    assert (transfer.paused, transfer.resumed) == (1, 0)
    caller.socket.take(caller.socket.unsent_bytes)
    assert (transfer.paused, transfer.resumed) == (1, 1)
    transfer.push(FINISH, DONE, END)
    await settle()
    [(status, _, body)] = caller.responses
    assert status == 200 and body.count(b'"text"') == 2 and body.endswith(DONE)


async def test_the_next_request_waits_until_the_response_before_it_has_left() -> None:
    here = world(200, 200)
    caller = here.connect()
    caller.socket.is_full = True
    caller.send(post() + post())
    await settle()
    assert len(here.transport.sent) == 1
    caller.socket.take(caller.socket.unsent_bytes)
    await settle()
    assert caller.statuses == [200, 200]


@virtual_time
async def test_a_response_that_is_not_read_ends_its_connection_once_nothing_of_it_moves() -> None:
    here = world(200)
    caller = here.connect()
    caller.socket.is_full = True
    caller.send(post())
    await settle()
    for _ in range(3):  # a slow caller takes a part of it each time
        caller.socket.take(10)
        await asyncio.sleep(STALL_TIMEOUT_S - 1)
        assert not caller.is_closed
    await asyncio.sleep(2 * KEEP_ALIVE_S)
    assert caller.socket.is_aborted
    await assert_gone(here, caller, "ok")


@virtual_time
async def test_a_stream_that_is_not_read_gives_its_slot_and_provider_back() -> None:
    here = world([TEXT, FOREVER])
    caller = here.connect()
    caller.send(post(STREAM))
    await settle()
    [transfer] = here.transport.transfers
    caller.socket.is_full = True
    transfer.push(TEXT * 100, FOREVER)
    await settle()
    for _ in range(20):  # a slow caller keeps it
        caller.socket.take(100)
        await asyncio.sleep(STALL_TIMEOUT_S - INTERVAL_S)
        assert not caller.is_closed and here.handler.runtime.load.requests == 1
    await asyncio.sleep(STALL_TIMEOUT_S + 2 * INTERVAL_S)
    assert caller.socket.is_aborted and transfer.aborted == 1
    await assert_gone(here, caller, "client_disconnected")


@virtual_time
async def test_a_stream_that_is_read_again_in_time_goes_on() -> None:
    here = world([TEXT, FOREVER])
    caller = here.connect()
    caller.send(post(STREAM))
    await settle()
    [transfer] = here.transport.transfers
    caller.socket.is_full = True
    transfer.push(TEXT, FOREVER)
    await asyncio.sleep(STALL_TIMEOUT_S - 1)
    caller.socket.take(caller.socket.unsent_bytes)
    await asyncio.sleep(3 * STALL_TIMEOUT_S)
    transfer.push(FINISH, DONE, END)
    await settle()
    assert caller.responses[0][2].endswith(DONE)
    await asyncio.sleep(2 * KEEP_ALIVE_S)
    await assert_gone(here, caller, "ok")


@virtual_time
async def test_a_last_response_that_is_not_read_is_given_up_too() -> None:
    here = world(200)
    caller = here.connect()
    caller.socket.is_full = True
    caller.send(post(b"", "Connection: close", path="/unknown"))
    assert caller.is_closed and not caller.socket.is_aborted
    await asyncio.sleep(KEEP_ALIVE_S + 1)
    assert caller.socket.is_aborted
    await assert_gone(here, caller, "not_found")


# A caller that leaves.


@pytest.mark.parametrize(
    ("sent", "rows", "outcome"),
    [
        (b"", [], None),
        (b"POST /v1/chat", [], None),
        (post()[:-10], [], "client_disconnected"),
        (post(b"x" * 100, path="/unknown")[:-50], [], "not_found"),
        (post(), [FOREVER], "client_disconnected"),
        (post() + post(), [FOREVER], "client_disconnected"),
        (post(STREAM), [[TEXT, FOREVER]], "client_disconnected"),
        (post(), [200], "ok"),
        (b"junk\r\n\r\n", [], None),
    ],
)
@virtual_time
async def test_a_disconnect_leaves_nothing_behind(sent: bytes, rows: list[Any], outcome: str | None) -> None:
    here = world(*rows)
    caller = here.connect()
    caller.send(sent)
    await settle()
    if not caller.is_closed:
        caller.disconnect()
    await assert_gone(here, caller, outcome)
    assert all(transfer.is_over for transfer in here.transport.transfers)
    written = bytes(caller.socket.sent)
    for transfer in here.transport.transfers:
        transfer.push(TEXT, END)
    await asyncio.sleep(2 * KEEP_ALIVE_S)
    assert bytes(caller.socket.sent) == written and len(here.transport.sent) <= 1


@pytest.mark.parametrize(("sent", "rows"), [(b"", []), (post(), [200]), (post(STREAM), [[TEXT, FOREVER]])])
async def test_a_shutdown_closes_the_connection(sent: bytes, rows: list[Any]) -> None:
    here = world(*rows)
    caller = here.connect()
    caller.send(sent)
    await settle()
    await here.listener.shutdown(0.1)
    assert caller.is_closed
    await assert_gone(here, caller, {b"": None, post(): "ok"}.get(sent, "client_disconnected"))


# A connection that is given to a coroutine.


def with_raw(run: Any) -> Generation:
    """Return a generation whose path `/local` gives its connection to that coroutine."""

    def handler(one: Exchange) -> Response:
        return RawResponse(200, {"X-A": "1"}, b"", run=run)

    terminals = PipelineTerminals(make_start_call, {"/local": LocalEndpoint("POST", handler)})
    file = routing_yaml()
    return GenerationFactory({}, lambda path: "", terminals).build(file, "routing.yaml", 1)


class Written:
    """What a coroutine returns, as aiohttp's responses are."""

    async def prepare(self, http_request: Any) -> None:
        """Do nothing."""

    async def write_eof(self) -> None:
        """Do nothing."""


async def test_a_hijacked_connection_is_written_by_its_coroutine_and_closed_after_it() -> None:
    async def run(http_request: Any, headers: Any) -> Any:
        assert http_request.path == "/local" and headers["X-A"] == "1" and headers["Server"]
        http_request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return Written()

    here = world(built=with_raw(run))
    caller = here.connect()
    caller.send(post(b"body", path="/local") + post(b"", path="/local"))
    await settle()
    assert caller.statuses == [200] and caller.is_closed
    await assert_gone(here, caller, "ok")


@pytest.mark.parametrize(
    ("error", "outcome"), [(ConnectionResetError("gone"), "ok"), (KeyError("bug"), "internal_error")]
)
async def test_a_hijacked_connection_whose_coroutine_fails_is_closed(error: Exception, outcome: str) -> None:
    async def run(http_request: Any, headers: Any) -> Any:
        raise error

    here = world(built=with_raw(run))
    caller = here.connect()
    caller.send(post(b"", path="/local"))
    await assert_gone(here, caller, outcome)
    assert caller.is_closed and ("request_unhandled_error" in here.log.text) is (outcome != "ok")


@pytest.mark.parametrize("end", ["disconnect", "shutdown"])
async def test_a_hijacked_connection_that_ends_cancels_its_coroutine(end: str) -> None:
    cancelled = asyncio.Event()

    async def run(http_request: Any, headers: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    here = world(built=with_raw(run))
    caller = here.connect()
    caller.send(post(b"", path="/local"))
    await settle()
    assert here.handler.active == 1
    if end == "disconnect":
        caller.disconnect()
    else:
        await here.listener.shutdown(0.1)
    await settle()
    assert cancelled.is_set()
    await assert_gone(here, caller, "client_disconnected" if end == "disconnect" else "ok")


async def test_a_coroutine_that_waits_for_the_caller_to_read_goes_on_when_it_does() -> None:
    async def run(http_request: Any, headers: Any) -> Any:
        http_request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await http_request.protocol._drain_helper()
        http_request.transport.write(b"ok")
        return Written()

    here = world(built=with_raw(run))
    caller = here.connect()
    caller.socket.is_full = True
    caller.send(post(b"", path="/local"))
    await settle()
    assert not caller.socket.sent.endswith(b"ok")
    caller.socket.take(caller.socket.unsent_bytes)
    await settle()
    assert caller.responses[0][2] == b"ok"
