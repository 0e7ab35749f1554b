"""The simulated provider answers complete requests, one after another."""

from __future__ import annotations

import asyncio

import pytest

from bench.payloads import (
    ANTHROPIC_MODEL,
    ANTHROPIC_PATH,
    OPENAI,
    TOOLS_ANSWER,
    UNARY_ANSWER,
    UNARY_MODEL,
    UNARY_REQUEST,
    Api,
    stream_request,
)
from bench.upstream import UpstreamProtocol


class Transport:
    """Remembers what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True


def connected() -> tuple[UpstreamProtocol, Transport]:
    provider, transport = UpstreamProtocol(asyncio.get_running_loop()), Transport()
    provider.connection_made(transport)
    return provider, transport


@pytest.mark.parametrize("size", [1, 50, 10_000])
async def test_a_request_in_chunks_of_any_size_is_answered_once(size):
    provider, transport = connected()
    request = OPENAI.post(UNARY_REQUEST)
    for start in range(0, len(request), size):
        provider.data_received(request[start : start + size])
    (answer,) = transport.written
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\n" + UNARY_ANSWER)
    assert answer.partition(b"\r\n\r\n")[0].count(b"\r\n") == 24


async def test_a_path_under_tools_is_answered_with_tool_calls():
    provider, transport = connected()
    provider.data_received(Api("/tools/v1/chat/completions").post(UNARY_REQUEST))
    assert transport.written[0].endswith(TOOLS_ANSWER)


async def test_a_connection_serves_consecutive_requests():
    provider, transport = connected()
    for _ in range(3):
        provider.data_received(OPENAI.post(UNARY_REQUEST))
    assert len(transport.written) == 3


async def test_a_stream_starts_at_once_and_stops_when_the_client_disconnects():
    provider, transport = connected()
    provider.data_received(OPENAI.post(stream_request(UNARY_MODEL, count=1)))
    assert b"text/event-stream" in transport.written[0] and b'"role":"assistant"' in transport.written[0]
    assert provider._timer is not None
    provider.connection_lost(None)
    assert provider._timer.cancelled()


async def test_a_request_for_messages_is_answered_in_anthropics_format():
    provider, transport = connected()
    provider.data_received(Api(ANTHROPIC_PATH).post(stream_request(ANTHROPIC_MODEL, count=1)))
    assert b"event: message_start\n" in transport.written[0] and b"chat.completion" not in transport.written[0]
    provider.connection_lost(None)


async def test_a_request_without_a_content_length_is_rejected():
    provider, transport = connected()
    provider.data_received(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert transport.written[0].startswith(b"HTTP/1.1 411 ") and transport.closed
