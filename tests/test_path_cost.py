"""A bound on what the usual course of a request costs, in Python calls: a guard that needs no clock."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import orjson
import pytest
from msgspec import structs

from proxy.exchange import Exchange
from proxy.generation import Generation
from tests.fakes import SSE, FakeTransport, chunk_event, exchange, generation, start_request, steps

FILE = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers: {a: {dialect: openai, base_url: "https://a.test/v1", api_key: sk-test}}
models: {m: {a: m}}
"""

UNARY_CALLS = 259
"""Python calls of one request with a complete response, from its head to its log line."""
EVENT_CALLS = 22
"""Python calls of one event of a stream that passes through."""
RUN_CALLS = 2
"""Python calls of a run of events, however many they are."""


def python_calls(work: Callable[[], Any]) -> int:
    """Count the calls of Python functions in `work`."""
    count = 0

    def on_event(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(on_event)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def request_with(served: Generation, transport: FakeTransport, **members: Any) -> Exchange:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **members}
    return exchange(transport=transport, snap=served.snapshot, raw=orjson.dumps(body))


async def test_a_complete_response_takes_a_bounded_number_of_calls() -> None:
    served, transport, counts = generation(FILE), FakeTransport([200] * 3), []
    runtime = request_with(served, transport).runtime
    for number in range(3):  # the first fills the caches
        one = structs.replace(request_with(served, transport), runtime=runtime)

        def run(one: Exchange = one, number: int = number) -> None:
            client = start_request(one, served.pipeline)
            transfer = transport.transfers[number]
            transfer.is_over = True  # it is played by hand
            head, body, _ = steps(200)
            transfer.sink.on_head(*head)
            transfer.sink.on_body(body)
            transfer.sink.on_end()
            assert client.status == 200 and client.has_ended.is_set()

        counts.append(python_calls(run))
    assert counts[-1] <= UNARY_CALLS, counts


@pytest.mark.parametrize("count", [10, 1000])
async def test_an_event_takes_a_bounded_number_of_calls(count: int) -> None:
    transport = FakeTransport([[]])
    served = generation(FILE)
    client = start_request(request_with(served, transport, stream=True), served.pipeline)
    (transfer,) = transport.transfers
    transfer.is_over = True  # it is played by hand
    sink, event = transfer.sink, chunk_event("word ")
    sink.on_head(200, SSE)
    sink.on_body(event)

    def run() -> None:
        for _ in range(count):
            sink.on_body(event)

    assert python_calls(run) <= count * EVENT_CALLS + RUN_CALLS
    assert len(client.parts) == count + 1
    client.disconnect()
