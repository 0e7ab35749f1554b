"""Each kind of abrupt end, as a client sees it on a real socket."""

from __future__ import annotations

import aiohttp
import pytest

from proxy.sandbox.player import play
from proxy.sandbox.port import Port
from proxy.sandbox.script import AbruptEnd, SendBody, SendHead, Wait

HEAD = SendHead(200, {"content-type": "text/plain"})


async def receive(script, read_timeout_s=None):
    """Run the script and return status, received body, name of the client's error (or None), and sleeps."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    port = Port(lambda request: play(script, request, sleep))
    port.reserve(0)
    await port.listen()
    status, body, error = None, b"", None
    try:
        timeout = aiohttp.ClientTimeout(sock_read=read_timeout_s)
        async with aiohttp.ClientSession(timeout=timeout) as client, client.get(port.url) as response:
            status = response.status
            async for data in response.content.iter_any():
                body += data
    except aiohttp.ClientError as caught:
        error = type(caught).__name__
    await port.close()
    return status, body, error, slept


@pytest.mark.parametrize(
    "script, seen",
    [
        ([HEAD, SendBody(b"a"), Wait(9), SendBody(b"b")], (200, b"ab", None, [9])),
        ([Wait(1), SendHead(503, {"content-length": "2"}), SendBody(b"no")], (503, b"no", None, [1])),
        ([AbruptEnd.CLOSE], (None, b"", "ServerDisconnectedError", [])),
        ([HEAD, SendBody(b"a"), AbruptEnd.CLOSE], (200, b"a", "ClientPayloadError", [])),
        (
            [SendHead(200, {"content-length": "2"}), SendBody(b"a"), AbruptEnd.CLOSE],
            (200, b"a", "ClientPayloadError", []),
        ),
        ([AbruptEnd.RESET], (None, b"", "ClientOSError", [])),
    ],
)
async def test_the_client_sees_each_step_of_the_script(script, seen):
    assert await receive(script) == seen


async def test_a_stall_lasts_until_the_client_gives_up():
    assert (await receive([HEAD, SendBody(b"a"), AbruptEnd.STALL], read_timeout_s=0.05))[:3] == (
        200,
        b"a",
        "SocketTimeoutError",
    )


async def test_a_reset_in_the_middle_breaks_the_body():
    status, body, error, _ = await receive([HEAD, SendBody(b"a"), AbruptEnd.RESET])
    assert (status, error) == (200, "ClientPayloadError") and body in (b"", b"a")
