"""A client that disconnects while its connection is not read, because it sent too much in advance."""

from __future__ import annotations

import asyncio

import pytest

from proxy.downstream.hangup_watch import HangupWatch
from tests.callers import ASK, STREAM, post
from tests.running import TWO_PROVIDERS, run_sidecar
from tests.silent_provider import SilentProvider, point_at

ONE = post(STREAM)


@pytest.mark.parametrize("pipelined", [ONE * 300, post(bytes(1_000_000))], ids=["many requests", "a large request"])
async def test_the_upstream_call_is_closed(pipelined: bytes) -> None:
    async with SilentProvider() as provider, run_sidecar(TWO_PROVIDERS) as started, asyncio.timeout(5):
        point_at(started, provider.port)
        _, writer = await asyncio.open_connection(*started.url.removeprefix("http://").rsplit(":", 1))
        writer.write(ONE + pipelined)
        await provider.was_asked.wait()
        (connection,) = started.sidecar.listener.connections
        assert connection.transport is not None
        while connection.transport.is_reading():
            await asyncio.sleep(0)
        writer.transport.abort()
        await provider.was_closed.wait()
        await started.sidecar.handler.wait_idle()
    assert [line["outcome"] for line in started.log.lines] == ["client_disconnected"]


async def test_a_client_that_stays_is_answered() -> None:
    async with run_sidecar(TWO_PROVIDERS) as started, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*started.url.removeprefix("http://").rsplit(":", 1))
        writer.write(post() * 300 + post(ASK, "Connection: close"))
        assert (await reader.read()).count(b"HTTP/1.1 200 OK") == 301
        writer.close()
        while any(isinstance(each, HangupWatch) for each in started.sidecar.handler.timer._watched):  # it ends
            await asyncio.sleep(0.01)
