"""A request over a limit is refused at once; what was counted is released however the request ends."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.units import Size
from proxy.errors import ConnectError, OverloadedError, RequestTooLargeError
from proxy.exchange import Exchange
from proxy.memory_account import Load
from proxy.middleware.limits import AutoOrSize, Limits
from tests.fakes import (
    FOREVER,
    chunk_event,
    exchange,
    generation,
    request,
    routing_yaml,
    run_request,
    settle,
    start_request,
)

STREAM = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}'


def one_request(*rows: Any, raw: bytes = b"") -> Exchange:
    """Return an exchange whose attempts are answered with these rows."""
    one = exchange(raw=raw)
    one.runtime.transport.rows[:] = rows
    return one


def test_a_request_counts_once_its_body_is_complete_and_until_its_end() -> None:
    one, limits = exchange(), Limits()
    limits.before(one)
    assert one.runtime.load == Load()
    limits.reserve(one, 2)
    limits.reserve(one, 3)
    assert one.runtime.load == Load(buffered_bytes=5)  # its body is still arriving
    limits.admit(one)
    assert (one.body_bytes, one.runtime.load) == (5, Load(requests=1, buffered_bytes=5))
    limits.closed(one)
    assert one.runtime.load == Load()


async def test_a_stream_counts_until_its_last_byte() -> None:
    one = one_request([chunk_event("x"), FOREVER], raw=STREAM)
    client = start_request(one)
    await settle()
    assert one.runtime.load == Load(requests=1, buffered_bytes=len(STREAM))
    one.runtime.transport.transfers[0].push(chunk_event(finish="stop"), b"data: [DONE]\n\n")
    await client.has_ended.wait()
    assert one.runtime.load == Load()


@pytest.mark.parametrize(
    ("limits", "load", "message"),
    [
        (Limits(max_inflight=2), Load(requests=2), "2 requests are in flight"),
        (Limits(max_buffered=AutoOrSize(10)), Load(requests=1, buffered_bytes=10), "10 bytes are held in memory"),
    ],
)
def test_a_full_sidecar_answers_503_at_once_with_a_retry_after(limits: Limits, load: Load, message: str) -> None:
    one = exchange()
    one.runtime.load.requests, one.runtime.load.buffered_bytes = load.requests, load.buffered_bytes
    with pytest.raises(OverloadedError, match=message) as caught:
        limits.before(one)
        limits.reserve(one, 5)
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})


@pytest.mark.parametrize("options", ["max_inflight: 2", "max_buffered: 200B"])
async def test_a_refused_request_reaches_no_provider_and_releases_what_it_took(options: str) -> None:
    one = one_request(200)
    one.runtime.load.requests, one.runtime.load.buffered_bytes = 2, 190
    limited = f"[header_policy, {{limits: {{{options}}}}}, strategy, sse_passthrough, failover, translate]"
    client = await run_request(one, generation(routing_yaml(limited)).pipeline)
    assert (client.status, client.error["code"]) == (503, "sidecar_overloaded")
    assert client.headers["Retry-After"] == "1"
    assert one.runtime.transport.sent == [] and one.runtime.load == Load(requests=2, buffered_bytes=190)


@pytest.mark.parametrize(
    ("announced", "parts", "is_refused"),
    [
        ("10", [10], False),
        ("11", [], True),
        ("9" * 5000, [], True),
        ("", [5, 5], False),
        ("", [5, 5, 1], True),
        ("", [11], True),
        ("-1", [], False),
        ("ten", [11], True),
        ("\u0661\u0661", [], True),  # digits, if not ours
    ],
)
def test_a_body_over_the_limit_is_refused_by_its_announced_length_or_as_it_arrives(
    announced: str, parts: list[int], is_refused: bool
) -> None:
    one, limits = exchange(request({"Content-Length": announced} if announced else {})), Limits(max_body=Size(10))
    try:
        limits.before(one)
        for size in parts:
            limits.reserve(one, size)
    except RequestTooLargeError as error:
        assert is_refused and error.status == 413 and "over 10 bytes" in error.message
        assert one.body_bytes <= 10
    else:
        assert not is_refused and one.body_bytes == sum(parts)


@pytest.mark.parametrize("row", [200, 400, ConnectError("no"), [chunk_event("x")]])
async def test_a_request_that_ends_releases_everything(row: Any) -> None:
    one = one_request(row, row, row, row, raw=STREAM if isinstance(row, list) else b"")
    await run_request(one)
    assert one.runtime.load == Load()


async def test_a_disconnected_client_releases_everything() -> None:
    one = one_request(FOREVER, raw=STREAM)
    client = start_request(one)
    assert one.runtime.load == Load(requests=1, buffered_bytes=len(STREAM))
    client.disconnect()
    assert one.runtime.load == Load()
