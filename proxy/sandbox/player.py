"""Runs a script, step by step, on the connection of one client."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from proxy.sandbox.script import AbruptEnd, Script, SendBody, SendHead, Wait

Sleep = Callable[[float], Awaitable[object]]

_LINGER_ZERO = struct.pack("ii", 1, 0)
_SERVER = {"server": "parrot-sandbox"}


async def play(script: Script, request: web.BaseRequest, sleep: Sleep) -> web.StreamResponse:
    """Run the steps and return the response. aiohttp cancels the coroutine when the client disconnects."""
    response = web.StreamResponse()
    for step in script:
        match step:
            case Wait():
                await sleep(step.seconds)
            case SendHead():
                response = web.StreamResponse(status=step.status, headers={**_SERVER, **step.headers})
                await response.prepare(request)
            case SendBody():
                await response.write(step.data)
            case _:
                await _end_abruptly(request, step)
    await response.write_eof()
    return response


async def _end_abruptly(request: web.BaseRequest, how: AbruptEnd) -> None:
    """Break or stall the connection and never return.

    If it returned, aiohttp would send the last chunk, which completes the response.
    """
    transport = request.transport
    if transport is not None and how is AbruptEnd.CLOSE:
        transport.close()
    if transport is not None and how is AbruptEnd.RESET:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
    await asyncio.Event().wait()
