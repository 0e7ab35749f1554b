"""A form streams: a slow provider slows the client down, and whichever side ends, the other is told at once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.faults.rehearsal import Rehearsal, pause, rehearsal, routing_yaml
from tests.faults.server import FIN, NOREAD, RECV_HEAD, Op, Peer, Script, http_response, send
from tests.test_backpressure import settle
from tests.virtual_time import virtual_time

FILE_BYTES = 64 * 2**20
"""More than all buffers between client and provider take."""
PIECE = bytes(range(256)) * 256
HEAD = (
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data; boundary=xyz\r\nContent-Length: %d\r\n\r\n"
)
START = (
    b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
)
END = b"\r\n--xyz--\r\n"
SIZE = len(START) + FILE_BYTES + len(END)
JSON = "Content-Type: application/json\r\n"
HEARD = http_response(b'{"text": "heard"}', headers=JSON)


class Uploader:
    """A client that sends a form, and reads the response."""

    def __init__(self, running: Rehearsal, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.running, self.reader, self.writer = running, reader, writer
        self.sent_bytes = 0

    async def send(self, pieces: int) -> None:
        """Send that many pieces of the file."""
        for _ in range(pieces):
            self.writer.write(PIECE)
            await self.writer.drain()
            self.sent_bytes += len(PIECE)

    async def response(self) -> tuple[int, Any]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(head.split()[1]), json.loads(await self.reader.readexactly(length))


@asynccontextmanager
async def upload(*script: Op, head: bytes = HEAD % SIZE) -> AsyncIterator[Uploader]:
    """Begin to send a form to a provider that plays a script."""
    async with rehearsal(routing_yaml(alone=True), [list(script)]) as running:
        port = int(running.sidecar.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + START)
        try:
            yield Uploader(running, reader, writer)
        finally:
            writer.transport.abort()


class Taking:
    """Reads a form as a provider does, as slowly as it is told."""

    def __init__(self) -> None:
        self.may_read, self.digest, self.size = asyncio.Event(), hashlib.sha256(), 0

    async def __call__(self, peer: Peer) -> None:
        await self.may_read.wait()
        length = int(peer.requests[-1].headers["content-length"])
        while self.size < length:
            data = await peer.reader.read(2**16)
            assert data
            self.digest.update(data)
            self.size += len(data)


async def test_a_provider_that_does_not_read_stops_the_client_and_nothing_is_kept() -> None:
    taking = Taking()
    async with upload(RECV_HEAD, taking, send(HEARD)) as client:
        sending = asyncio.ensure_future(client.send(FILE_BYTES // len(PIECE)))
        load = client.running.sidecar.handler.load
        await settle(client.running.sidecar.server, lambda _: client.sent_bytes)
        assert 0 < client.sent_bytes < FILE_BYTES / 2 and not sending.done()
        assert load.buffered_bytes < 2**20
        taking.may_read.set()
        await sending
        client.writer.write(END)
        status, answer = await client.response()
        assert (status, answer["text"], answer["provider"]) == (200, "heard", "first")
        sent = START.replace(b"\r\n\r\nm\r\n", b"\r\n\r\ngpt-x\r\n") + PIECE * (FILE_BYTES // len(PIECE)) + END
        assert taking.digest.digest() == hashlib.sha256(sent).digest()
        assert load.buffered_bytes == load.requests == 0


async def test_a_client_that_leaves_ends_the_providers_request() -> None:
    async with upload(RECV_HEAD) as client:
        await client.send(10)
        [server] = client.running.servers
        while not server.requests:
            await asyncio.sleep(0)
        client.writer.transport.abort()
        await server.peers[0].closed.wait()
        assert client.running.log.lines[-1]["outcome"] == "client_disconnected"


async def test_a_client_that_leaves_while_it_is_paused_ends_the_providers_request() -> None:
    async with upload(RECV_HEAD, Taking()) as client:
        sending = asyncio.ensure_future(client.send(FILE_BYTES // len(PIECE)))
        await settle(client.running.sidecar.server, lambda _: client.sent_bytes)
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()
        with pytest.raises(ConnectionError):
            await sending
        lines = client.running.log.lines
        while not (ended := [line for line in lines if line.get("path") == "/v1/audio/transcriptions"]):
            await asyncio.sleep(0)
        assert ended[0]["outcome"] == "client_disconnected"


@pytest.mark.parametrize(
    "status, shown", [("413 Payload Too Large", 413), ("400 Bad Request", 400), ("401 Unauthorized", 502)]
)
async def test_an_early_refusal_reaches_the_client_before_its_form_is_sent(status: str, shown: int) -> None:
    body = b'{"error": {"message": "refused at once", "type": "invalid_request_error", "code": null, "param": null}}'
    async with upload(RECV_HEAD, send(http_response(body, status=status, headers=JSON))) as client:
        await client.send(1)
        received, answer = await client.response()
        assert received == shown and "refused at once" in answer["error"]["message"]
        await client.send(20)  # the rest is read and dropped for a while, so that no reset destroys the response


async def test_a_provider_that_breaks_off_is_a_502() -> None:
    async with upload(RECV_HEAD, FIN) as client:
        await client.send(1)
        status, answer = await client.response()
        assert (status, answer["error"]["code"]) == (502, "all_providers_failed")


async def test_a_form_that_is_cut_is_not_completed() -> None:
    chunked = HEAD.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked")
    async with upload(RECV_HEAD, head=chunked + b"%x\r\n" % len(START)) as client:
        client.writer.write(b"\r\nnonsense\r\n")
        status, answer = await client.response()
        assert status == 400 and "not well-formed" in answer["error"]["message"]
        for server in client.running.servers:
            for peer in server.peers:
                await peer.closed.wait()


@virtual_time
async def test_a_client_that_falls_silent_is_given_up() -> None:
    async with upload(RECV_HEAD) as client:
        await client.send(1)
        started = asyncio.get_running_loop().time()
        status, answer = await client.response()
        assert (status, answer["error"]["code"]) == (408, "request_timeout")
        assert 29 <= asyncio.get_running_loop().time() - started <= 61
        await client.running.servers[0].peers[0].closed.wait()


@virtual_time
async def test_a_provider_that_takes_nothing_is_given_up() -> None:
    script: Script = [RECV_HEAD, NOREAD]
    async with upload(*script) as client:
        sending = asyncio.ensure_future(client.send(FILE_BYTES // len(PIECE)))
        status, answer = await client.response()
        assert status == 504 and "accepted no request data for 30 s" in answer["error"]["message"]
        sending.cancel()


@virtual_time
async def test_a_form_may_take_longer_than_an_answer() -> None:
    taking = Taking()
    taking.may_read.set()
    async with upload(
        RECV_HEAD, taking, pause(200), send(HEARD), head=HEAD % (len(START) + 100 * len(PIECE) + len(END))
    ) as client:
        for _ in range(100):  # 1,000 s, while the limit of an answer is 300 s
            await client.send(1)
            await asyncio.sleep(10)
        client.writer.write(END)
        assert (await client.response())[0] == 200
