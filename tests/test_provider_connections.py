"""A provider's connection serves the next request once its stream is read to the end; otherwise it is closed."""

from __future__ import annotations

import asyncio

import pytest

from proxy.upstream.limits import DRAIN_TIMEOUT_S, MAX_DRAINED_BYTES
from tests.fakes import settle
from tests.faults.rehearsal import Rehearsal, rehearsal, routing_yaml
from tests.faults.server import CHUNKED_HEAD, RECV, Op, Script, http_chunk, http_response, send, set_event, wait_for
from tests.faults.wire_formats import WIRE_FORMATS
from tests.virtual_time import virtual_time

OPENAI = WIRE_FORMATS["openai"]
ANSWER = CHUNKED_HEAD + b"".join(map(http_chunk, OPENAI.events))
LAST_CHUNK = http_chunk(b"")
SECOND: Script = [RECV, send(http_response(OPENAI.body))]


async def stream(running: Rehearsal) -> None:
    """Stream one answer, which must be complete."""
    result = await running.send_chat()
    assert (result.done, result.errors, result.finishes) == (1, [], ["stop"])


@virtual_time
async def test_a_stream_that_ends_with_its_last_chunk_leaves_its_connection_open() -> None:
    async with rehearsal(routing_yaml(), [[RECV, send(ANSWER + LAST_CHUNK), *SECOND]], [SECOND]) as running:
        await stream(running)
        assert (await running.send_chat(stream=False)).status == 200
        assert (len(running.servers[0].peers), running.calls) == (1, (2, 0))


@virtual_time
async def test_the_last_chunk_may_come_after_the_caller_has_the_whole_answer() -> None:
    answered, sent = asyncio.Event(), asyncio.Event()
    script = [RECV, send(ANSWER), wait_for(answered), send(LAST_CHUNK), set_event(sent), *SECOND]
    async with rehearsal(routing_yaml(), [script], [SECOND]) as running:
        await stream(running)
        answered.set()
        await sent.wait()
        await settle()
        assert (await running.send_chat(stream=False)).status == 200
        assert (len(running.servers[0].peers), running.calls) == (1, (2, 0))


@virtual_time
async def test_a_request_does_not_wait_for_the_last_chunk_of_another() -> None:
    async with rehearsal(routing_yaml(), [[RECV, send(ANSWER)], SECOND], [SECOND]) as running:
        await stream(running)
        assert (await running.send_chat(stream=False)).status == 200
        assert (len(running.servers[0].peers), running.calls) == (2, (2, 0))


@virtual_time
async def test_a_connection_whose_last_chunk_does_not_come_is_closed_soon() -> None:
    async with rehearsal(routing_yaml(), [[RECV, send(ANSWER)]], [SECOND]) as running:
        await stream(running)
        answered_at = asyncio.get_running_loop().time()
        (peer,) = running.servers[0].peers
        await peer.closed.wait()
        assert peer.closed_at is not None
        assert DRAIN_TIMEOUT_S <= peer.closed_at - answered_at <= DRAIN_TIMEOUT_S + 0.2
        assert running.log.lines[-1]["outcome"] == "ok"


@pytest.mark.parametrize(
    "rest",
    [send(b"zz\r\n"), send(http_chunk(b":" + b"x" * MAX_DRAINED_BYTES) + LAST_CHUNK)],
    ids=["invalid chunk", "too much"],
)
@virtual_time
async def test_a_connection_with_more_after_the_answer_is_closed(rest: Op) -> None:
    answered = asyncio.Event()
    async with rehearsal(routing_yaml(), [[RECV, send(ANSWER), wait_for(answered), rest], SECOND], [SECOND]) as running:
        await stream(running)
        answered.set()
        before = asyncio.get_running_loop().time()
        await running.servers[0].peers[0].closed.wait()
        assert asyncio.get_running_loop().time() - before < DRAIN_TIMEOUT_S / 2
        assert (await running.send_chat(stream=False)).status == 200
        assert running.calls == (2, 0)
