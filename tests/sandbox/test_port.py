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


async def test_it_refuses_before_listen_and_after_stop(port):
    assert refused(port) and not port.listening
    await port.listen()
    await port.listen()
    assert not refused(port) and port.listening
    await port.stop()
    assert refused(port) and not port.listening


async def test_nobody_else_can_listen_on_it_while_it_is_open(port):
    await port.listen()
    other = Port(hello)
    with pytest.raises(OSError):
        other.reserve(port.number)
    await other.close()


async def test_stop_and_listen_at_once_end_in_the_order_asked(port):
    number = port.number
    await asyncio.gather(*(turn() for _ in range(10) for turn in (port.stop, port.listen)))
    assert port.listening and port.number == number and not refused(port)


async def test_close_gives_the_number_back(port):
    await port.listen()
    await port.close()
    await port.close()
    other = Port(hello)
    other.reserve(port.number)
    await other.close()
