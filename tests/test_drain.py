"""The end of a sidecar: its drain begins after the delay, is within the time a service manager waits, and idle clients never hold it."""

from __future__ import annotations

import asyncio

import pytest

from tests.running import HELLO, TWO_PROVIDERS, RunningSidecar, run_sidecar
from tests.virtual_time import virtual_clocks, virtual_time

DRAIN = TWO_PROVIDERS + "drain: {delay: 5s, timeout: 25s}"
MARGIN_S = 5
"""What a service manager waits beyond delay and timeout."""
STREAM = "GET /v1/providers/health/stream HTTP/1.1\r\nHost: localhost\r\n"
WEBSOCKET = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}==\r\n\r\n".format(
        "x" * 22
    )
)

IDLE = {
    "connected": "",
    "half a head": "POST /v1/chat/completions HTT",
    "kept alive": "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "dashboard": "GET /dashboard HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3,
    "health over a websocket": f"{STREAM}{WEBSOCKET}",
    "health as events": f"{STREAM}Accept: text/event-stream\r\n\r\n",
}
"""What clients have sent that have no request in flight."""


async def stream_until_the_end(started: RunningSidecar) -> float:
    """Have a stream that would not end by itself, stop, and return how long the stop took."""
    await started.hold_streams()
    async with started.client() as client:
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        begun = asyncio.get_running_loop().time()
        await started.sidecar.stop()
        await stream.close()
    return asyncio.get_running_loop().time() - begun


@virtual_time
async def test_a_stream_has_the_whole_timeout_after_the_delay_and_then_ends_within_the_margin() -> None:
    with virtual_clocks():
        async with run_sidecar(DRAIN) as started:
            taken_s = await stream_until_the_end(started)
    assert 5 + 25 <= taken_s < 5 + 25 + MARGIN_S


@pytest.mark.parametrize("listener", ["data", "admin"])
@pytest.mark.parametrize("sent", IDLE.values(), ids=IDLE)
@virtual_time
async def test_a_client_without_a_request_holds_the_exit_for_no_time(sent: str, listener: str) -> None:
    with virtual_clocks():
        async with run_sidecar() as started:
            url = started.url if listener == "data" else started.sidecar.admin_url
            reader, writer = await asyncio.open_connection(*url.removeprefix("http://").rsplit(":", 1))
            writer.write(sent.encode())
            if sent.endswith("\r\n\r\n"):
                await reader.readuntil(b"\r\n\r\n")
            begun = asyncio.get_running_loop().time()
            await started.sidecar.stop()
            assert asyncio.get_running_loop().time() - begun < 1
            writer.close()
