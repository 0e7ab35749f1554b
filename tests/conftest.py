"""Fixtures that several files need."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any
from unittest.mock import Mock, patch

import aiohttp
import pytest
from aiohttp.abc import AbstractStreamWriter
from aioresponses import aioresponses
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from tests.running import RunningSidecar, run_sidecar

# A slow machine is no mistake: how long an example takes is not judged.
hypothesis.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("suite")


EPHEMERAL = 32768
"""The lowest port that the system gives out by itself."""


def refuse_fixed_ports(event: str, values: tuple[Any, ...]) -> None:
    """Fail a test that binds a port of its own choice: a developer's sidecar, or another run, may have it."""
    if event == "socket.bind" and isinstance(values[1], tuple) and 0 < values[1][1] < EPHEMERAL:
        raise AssertionError(f"a test binds the fixed port {values[1][1]}; bind 0 and ask which one it became")


sys.addaudithook(refuse_fixed_ports)


class Built(aiohttp.ClientResponse):
    """aioresponses 0.7.9 leaves out an argument that aiohttp asks for since 3.14."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, stream_writer=Mock(AbstractStreamWriter, output_size=0), **kwargs)


@pytest.fixture
async def two_providers() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar() as started:
        yield started


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def mocked_web() -> Iterator[aioresponses]:
    """The web as aiohttp's client sees it: nothing is sent, and only what is registered answers."""
    with patch("aioresponses.core.ClientResponse", Built), aioresponses() as mocked:
        yield mocked


@pytest.fixture
def assert_cancels() -> Callable[[Coroutine[Any, Any, Any]], Awaitable[None]]:
    """Runs a coroutine until it waits for something, cancels it, and sees that it ends so."""

    async def cancel(running: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(running)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    return cancel
