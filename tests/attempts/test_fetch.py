"""A small request outside of the attempts: its whole response, or the failure."""

from __future__ import annotations

import asyncio

import pytest

from proxy.attempts.fetch import FetchLimits, fetch
from proxy.errors import ConnectError, OverloadedError, ResponseTooLargeError
from proxy.messages import UpstreamRequest
from tests.fakes import FOREVER, FakeTransport, settle

REQUEST = UpstreamRequest("https://a/v1/responses/r", {}, b"", "GET")


async def test_the_whole_response_is_returned() -> None:
    transport = FakeTransport([(404, {"X-A": "b"}, [b"no", b"t"])])
    fetched = await fetch(transport, REQUEST)
    assert (fetched.status, fetched.headers, fetched.body) == (404, {"x-a": "b"}, b"not")
    assert (
        transport.sent == [REQUEST] and not transport.transfers[0].aborted and len(transport.transfers[0].timeouts) == 1
    )


async def test_a_failure_is_raised() -> None:
    with pytest.raises(ConnectError, match="no"):
        await fetch(FakeTransport([ConnectError("no")]), REQUEST)


async def test_an_answer_that_is_too_large_is_aborted() -> None:
    transport = FakeTransport([(200, {}, [b"123", b"45", b"6", FOREVER])])
    with pytest.raises(ResponseTooLargeError):
        await fetch(transport, REQUEST, FetchLimits(max_bytes=4))
    assert transport.transfers[0].aborted == 1


async def test_what_counts_the_bytes_may_end_it() -> None:
    def refuse(size: int) -> None:
        raise OverloadedError(f"no room for {size}")

    transport = FakeTransport([(200, {}, [b"123", FOREVER])])
    with pytest.raises(OverloadedError, match="no room for 3"):
        await fetch(transport, REQUEST, FetchLimits(count=refuse))
    assert transport.transfers[0].aborted == 1


async def test_a_request_that_is_cancelled_is_aborted() -> None:
    transport = FakeTransport([FOREVER])
    task = asyncio.ensure_future(fetch(transport, REQUEST))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.transfers[0].aborted == 1
