"""What is measured as bare gives whole answers and streams through, byte for byte."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bench.bare import serve
from bench.processes import free_port
from tests.faults.server import RECV, FaultServer, http_response, send

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "kind", "body"),
    [
        (http_response(b'{"ok":true}'), "application/json", b'{"ok":true}'),
        (STREAM + b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n", "text/event-stream", b"data: 1\n\ndata: 2\n\n"),
    ],
)
async def test_what_the_provider_says_comes_through(said: bytes, kind: str, body: bytes) -> None:
    listen = free_port()
    async with FaultServer([RECV, send(said)]) as provider:
        serving = asyncio.create_task(serve(listen, provider.port))
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            while True:
                try:
                    asked = await session.post(f"http://127.0.0.1:{listen}/v1/chat/completions", data=b"{}")
                    break
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0)
            assert (asked.status, asked.content_type, await asked.read()) == (200, kind, body)
        serving.cancel()
