"""Fixtures shared by the tests, and a check that no test binds a fixed port."""

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

# No deadline per example: a slow machine is not an error.
hypothesis.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("suite")


EPHEMERAL = 32768
"""The lowest port that the system assigns to a bind of port 0."""


def refuse_fixed_ports(event: str, values: tuple[Any, ...]) -> None:
    """Fail a test that binds a fixed port, which a running sidecar or another test run may use. An audit hook."""
    if event == "socket.bind" and isinstance(values[1], tuple) and 0 < values[1][1] < EPHEMERAL:
        raise AssertionError(f"a test binds the fixed port {values[1][1]}; bind port 0 and read the assigned one")


sys.addaudithook(refuse_fixed_ports)


class PatchedResponse(aiohttp.ClientResponse):
    """Adds an argument that aiohttp requires since 3.14 and aioresponses 0.7.9 does not pass."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, stream_writer=Mock(AbstractStreamWriter, output_size=0), **kwargs)


@pytest.fixture
async def two_providers() -> AsyncIterator[RunningSidecar]:
    """A running sidecar with two providers of the model `m`."""
    async with run_sidecar() as sidecar:
        yield sidecar


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def mocked_web() -> Iterator[aioresponses]:
    """Replace the transport of aiohttp's client: only registered URLs respond, nothing is sent."""
    with patch("aioresponses.core.ClientResponse", PatchedResponse), aioresponses() as mocked:
        yield mocked


@pytest.fixture
def assert_cancels() -> Callable[[Coroutine[Any, Any, Any]], Awaitable[None]]:
    """Return a function that runs a coroutine until it blocks, cancels it, and asserts that it raises CancelledError."""

    async def cancel(coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(coroutine)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    return cancel
