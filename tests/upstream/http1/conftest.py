"""Every test runs on asyncio's event loop and on uvloop, over loopback sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from proxy.upstream.http1.dial import Dialer
from proxy.upstream.http1.transport import Http1Transport
from tests.upstream.http1.client import NO_TRUST


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def transport() -> AsyncIterator[Http1Transport]:
    made = Http1Transport(Dialer(NO_TRUST))
    yield made
    made.close()
    # Let the event loop report the closed connections.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
