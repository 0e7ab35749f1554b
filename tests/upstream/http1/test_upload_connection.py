"""An upload is framed by its length, or in chunks. More in `tests/faults/test_upload_flow.py`."""

from __future__ import annotations

import asyncio

import pytest

from proxy.memory_account import UNLIMITED
from proxy.messages import UpstreamRequest
from proxy.upload import Upload
from proxy.upstream.http1.dial import Dialer
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import FaultServer, Peer, http_response, send
from tests.upstream.http1.client import NO_TRUST, CollectedResponse


@pytest.mark.parametrize("size, framing, body", [
    (9, b"Content-Length: 9", b"beginning"),
    (13, b"Content-Length: 13", b"beginningmore"),
    (None, b"Transfer-Encoding: chunked", b"9\r\nbeginning\r\n4\r\nmore\r\n0\r\n\r\n"),
])  # fmt: skip
async def test_an_upload_is_framed_as_its_size_is_known(size: int | None, framing: bytes, body: bytes) -> None:
    received: list[bytes] = []

    async def read(peer: Peer) -> None:
        received.append(await peer.reader.readuntil(b"\r\n\r\n"))
        received.append(await peer.reader.readexactly(len(body)))

    async with FaultServer([read, send(http_response(b"{}"))]) as server:
        transport, sink = Http1Transport(Dialer(NO_TRUST)), CollectedResponse()
        upload = Upload(UNLIMITED, lambda: None)
        upload.begin([memoryview(b"beginning")], size, held_bytes=0)
        request = UpstreamRequest(server.url(), {}, b"", upload=upload, is_sent_once=True)
        transport.send(request, sink, connect_timeout_s=5)
        while upload.is_full:
            await asyncio.sleep(0)
        if size != len(b"beginning"):
            upload.feed(b"more")
        upload.end(1.0)
        await sink.wait(lambda: sink.is_complete)
        transport.close()
    assert framing in received[0] and received[1] == body
