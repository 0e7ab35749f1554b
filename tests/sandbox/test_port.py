"""A port keeps its number while it refuses connections."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web

from proxy.sandbox.port import HOST, Port


async def hello(request):
    return web.Response(text="hello")


def refused(port):
    with socket.socket() as client:
        return client.connect_ex((HOST, port.number)) != 0


@pytest.fixture
async def port():
    opened = Port(hello)
    opened.reserve(0)
    yield opened
    await opened.close()


async def test_connections_are_refused_before_listen_and_after_stop(port):
    assert refused(port) and not port.listening
    await port.listen()
    await port.listen()
    assert not refused(port) and port.listening
    await port.stop()
    assert refused(port) and not port.listening


async def test_no_other_socket_can_listen_on_the_reserved_port(port):
    await port.listen()
    other = Port(hello)
    with pytest.raises(OSError):
        other.reserve(port.number)
    await other.close()


async def test_concurrent_stop_and_listen_run_in_call_order(port):
    number = port.number
    await asyncio.gather(*(turn() for _ in range(10) for turn in (port.stop, port.listen)))
    assert port.listening and port.number == number and not refused(port)


async def test_close_releases_the_port(port):
    await port.listen()
    await port.close()
    await port.close()
    other = Port(hello)
    other.reserve(port.number)
    await other.close()
