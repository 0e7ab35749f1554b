"""What belongs to a request is freed with it by reference counts; the garbage collector runs too rarely to rely on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest

from proxy.attempts.failover_run import FailoverRun
from proxy.attempts.stream_relay import StreamRelay
from proxy.exchange import Attempt, Exchange
from proxy.lifecycle import RequestLifecycle
from proxy.sandbox.scenario import Fault
from proxy.upstream.call import UpstreamCall
from tests.fakes import settle
from tests.running import HELLO, RunningSidecar

OF_A_REQUEST = (Exchange, Attempt, RequestLifecycle, FailoverRun, StreamRelay, UpstreamCall)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Switch the collector off, and let it forget what there is so far."""
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


def left_over() -> list[str]:
    """Return the types of the objects that belong to a request and still exist."""
    return sorted(type(each).__name__ for each in gc.get_objects() if isinstance(each, OF_A_REQUEST))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"first": Fault("status", status=504)},
        {"first": Fault("status", status=504), "second": Fault("status", status=504)},
        {"first": Fault("cut", after=3)},
        {"first": Fault("reset", after=0)},
        {"first": Fault("down")},
        {"first": Fault("down"), "second": Fault("down")},
    ],
)
async def test_a_request_is_freed_when_it_ends(
    two_providers: RunningSidecar, http: aiohttp.ClientSession, stream: bool, faults: dict[str, Fault]
) -> None:
    for name, fault in faults.items():
        await two_providers.sandbox.set_fault(name, fault)
    await check(two_providers, http, {"model": "m", "messages": HELLO, "stream": stream})


async def test_a_refused_request_is_freed(two_providers: RunningSidecar, http: aiohttp.ClientSession) -> None:
    await check(two_providers, http, {"model": "unknown", "messages": HELLO})


async def test_a_request_whose_client_disconnects_is_freed(two_providers: RunningSidecar) -> None:
    await two_providers.hold_streams()
    handler = two_providers.sidecar.handler
    with no_garbage_collection():
        async with aiohttp.ClientSession() as http:
            body = {"model": "m", "messages": HELLO, "stream": True}
            response = await http.post(f"{two_providers.url}/v1/chat/completions", json=body)
            await response.content.readany()
            assert left_over()
            response.close()
        await handler.wait_idle()
        await settle()
        assert left_over() == []
        assert handler.timer._watched == set()


async def check(started: RunningSidecar, http: aiohttp.ClientSession, body: Any) -> None:
    """Send some requests and assert that nothing of them is left."""
    headers = {"X-Provider-Preference": "first"}
    with no_garbage_collection():
        for _ in range(3):
            async with http.post(f"{started.url}/v1/chat/completions", json=body, headers=headers) as response:
                await response.read()
        await started.sidecar.handler.wait_idle()
        await asyncio.sleep(0)
        await settle()
        assert left_over() == []
