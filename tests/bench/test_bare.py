"""The proxy without a pipeline passes responses through."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bench.bare import serve
from bench.processes import free_port
from tests.faults.server import RECV, FaultServer, http_response, send

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("response", "content_type", "body"),
    [
        (http_response(b'{"ok":true}'), "application/json", b'{"ok":true}'),
        (STREAM + b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n", "text/event-stream", b"data: 1\n\ndata: 2\n\n"),
    ],
)
@pytest.mark.parametrize("size", [0, 900_000])
async def test_requests_and_responses_pass_through_unchanged(
    response: bytes, content_type: str, body: bytes, size: int
) -> None:
    listen, sent = free_port(), b"{" + b" " * size + b"}"
    async with FaultServer([RECV, send(response)]) as provider:
        serving = asyncio.create_task(serve(listen, provider.port))
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            while True:
                try:
                    received = await session.post(f"http://127.0.0.1:{listen}/v1/chat/completions", data=sent)
                    break
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0)
            assert (received.status, received.content_type, await received.read()) == (200, content_type, body)
        assert provider.requests[0].body == sent
        serving.cancel()
