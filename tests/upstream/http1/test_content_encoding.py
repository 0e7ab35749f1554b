"""A compressed body is decoded as it arrives, whatever the cuts, and never beyond what its receiver takes."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from typing import Any

import pytest

from proxy.errors import MalformedResponse
from proxy.upstream.http1.content_encoding import (
    MAX_PIECES_WHILE_PAUSED,
    PIECE_BYTES,
    ContentDecoder,
    ContentDecodingError,
    DecodingSink,
    is_supported,
)
from proxy.upstream.http1.transport import Http1Transport
from tests.faults.server import CHUNKED_HEAD, FIN, RECV, FaultServer, Script, http_chunk, http_response, send, wait_for
from tests.upstream.http1.client import END, CollectedResponse, build_request, open_response, read_rest, start_request

TEXT = b"".join(b"data: %d\n\n" % number for number in range(60))


def raw_deflate(data: bytes) -> bytes:
    compress = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compress.compress(data) + compress.flush()


BODIES = [
    ("gzip", gzip.compress(TEXT)),
    ("x-gzip", gzip.compress(TEXT, 0)),
    ("GZIP", gzip.compress(TEXT[:99]) + gzip.compress(b"") + gzip.compress(TEXT[99:])),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", raw_deflate(TEXT)),
]
each_body = pytest.mark.parametrize(
    ("coding", "body"), BODIES, ids=["gzip", "stored", "members", "deflate", "raw deflate"]
)


def decode(coding: str, *reads: bytes) -> bytes:
    decoder = ContentDecoder(coding)
    decoded = b"".join(piece for read in reads for piece in decoder.decode(read))
    assert decoder.is_complete
    return decoded


@each_body
def test_any_cut_of_a_body_gives_the_same_content(coding: str, body: bytes) -> None:
    assert decode(coding, body) == TEXT
    assert decode(coding, *(body[at : at + 1] for at in range(len(body)))) == TEXT
    for at in range(len(body)):
        assert decode(coding, body[:at], body[at:]) == TEXT


def test_a_body_is_decoded_in_small_pieces() -> None:
    for size in (PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 10 * PIECE_BYTES):
        pieces = list(ContentDecoder("gzip").decode(gzip.compress(b"x" * size)))
        assert sum(map(len, pieces)) == size and max(map(len, pieces)) <= PIECE_BYTES


def test_what_was_flushed_is_decoded_at_once() -> None:
    decoder, compress = ContentDecoder("gzip"), zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    for number in range(20):
        event = b"data: %d\n\n" % number
        flushed = compress.compress(event) + compress.flush(zlib.Z_SYNC_FLUSH)
        assert b"".join(decoder.decode(flushed)) == event
        assert not decoder.is_complete


@pytest.mark.parametrize(("coding", "body"), BODIES)
def test_a_part_of_a_body_is_not_complete(coding: str, body: bytes) -> None:
    decoder = ContentDecoder(coding)
    assert decoder.is_complete  # of nothing
    assert TEXT.startswith(b"".join(decoder.decode(body[:-1])))
    assert not decoder.is_complete


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"plain text"),
        ("gzip", zlib.compress(TEXT)),
        ("gzip", gzip.compress(TEXT) + b"junk"),
        ("gzip", gzip.compress(TEXT)[:-8] + bytes(8)),
        ("deflate", b"\xff\xff plain text"),
        ("deflate", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT) + b"junk"),
    ],
)
def test_a_body_that_is_something_else_is_an_error(coding: str, body: bytes) -> None:
    with pytest.raises(ContentDecodingError, match=coding):
        decode(coding, body)


@pytest.mark.parametrize("coding", ["gzip", "X-Gzip", "Deflate", "identity", ""])
def test_codings_of_the_standard_library_are_supported(coding: str) -> None:
    assert is_supported(coding)


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "gzip;q=1"])
def test_other_codings_are_not(coding: str) -> None:
    assert not is_supported(coding)


# A receiver with a limit.


class Receiver(CollectedResponse):
    """Stops after so many bytes: closes the connection, or asks for a pause."""

    def __init__(self, connection: FakeConnection, limit: int, *, pauses: bool = False) -> None:
        super().__init__()
        self.connection, self.limit, self.pauses = connection, limit, pauses

    def on_body(self, data: bytes) -> None:
        super().on_body(data)
        if self.received_bytes > self.limit and self.pauses:
            self.connection.paused_at = 1.0
        elif self.received_bytes > self.limit:
            self.connection.is_open = False


class FakeConnection:
    host = "h"
    paused_at: float | None = None
    is_open = True

    def serves(self, sink: Any) -> bool:
        return self.is_open

    def abort(self) -> None:
        self.is_open = False


BOMB = gzip.compress(bytes(2**28))
"""256 KiB that expand to 256 MiB."""


def test_a_bomb_ends_at_the_limit_of_its_receiver() -> None:
    connection = FakeConnection()
    receiver = Receiver(connection, 2**20)
    tracemalloc.start()
    DecodingSink(receiver, ContentDecoder("gzip"), connection).on_body(BOMB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 2**20 < receiver.received_bytes <= 2**20 + PIECE_BYTES and peak < 2**22
    assert receiver.failure is None and not receiver.is_over


def test_a_bomb_for_a_paused_receiver_fails() -> None:
    connection = FakeConnection()
    receiver = Receiver(connection, 2**20, pauses=True)
    DecodingSink(receiver, ContentDecoder("gzip"), connection).on_body(BOMB)
    assert receiver.received_bytes <= 2**20 + (MAX_PIECES_WHILE_PAUSED + 2) * PIECE_BYTES
    assert isinstance(receiver.failure, MalformedResponse) and not connection.is_open
    assert receiver.failure.message == "h sent a compressed body that expands too much"


# Over sockets.


def compressed(coding: str, body: bytes, status: str = "200 OK") -> bytes:
    return http_response(body, status=status, headers=f"Content-Encoding: {coding}\r\n")


@each_body
async def test_a_complete_response_is_decoded_and_its_connection_used_again(
    transport: Http1Transport, coding: str, body: bytes
) -> None:
    script = [RECV, send(compressed(coding, body)), RECV, send(http_response(b"plain"))]
    async with FaultServer(script) as server:
        response = await open_response(transport, build_request(server))
        assert (response.status, response.headers["content-encoding"]) == (200, coding)
        assert await read_rest(response) == TEXT
        assert await read_rest(await open_response(transport, build_request(server))) == b"plain"
        assert len(server.peers) == 1
        assert {request.headers["accept-encoding"] for request in server.requests} == {"identity"}


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (compressed("gzip", gzip.compress(TEXT)[:-9]), "only a part of a compressed body"),
        (compressed("gzip", b"plain"), "a body that is not gzip"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(TEXT)[:-9], "only a part"),
        (compressed("br", b"x"), "an unknown Content-Encoding"),
    ],
    ids=["cut", "not gzip", "cut until close", "br"],
)
async def test_a_body_that_cannot_be_decoded_fails(transport: Http1Transport, sent: bytes, message: str) -> None:
    async with FaultServer([RECV, send(sent), FIN]) as server:
        response = start_request(transport, build_request(server))
        await response.wait(lambda: response.is_over)
        assert isinstance(response.failure, MalformedResponse) and message in response.failure.message
        assert response.calls.count("failure") == 1 and "end" not in response.calls


async def test_an_empty_body_is_complete(transport: Http1Transport) -> None:
    async with FaultServer([RECV, send(compressed("gzip", b""))]) as server:
        assert await read_rest(await open_response(transport, build_request(server))) == b""


async def test_a_stream_is_decoded_event_by_event_and_can_be_paused(transport: Http1Transport) -> None:
    compress, more = zlib.compressobj(wbits=16 + zlib.MAX_WBITS), asyncio.Event()

    def chunk(event: bytes) -> bytes:
        return http_chunk(compress.compress(event) + compress.flush(zlib.Z_SYNC_FLUSH))

    head = CHUNKED_HEAD.replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer")
    first, second = chunk(b"data: 1\n\n"), chunk(b"data: 2\n\n")
    script: Script = [RECV, send(head + first), wait_for(more), send(second + http_chunk(compress.flush()) + END)]
    async with FaultServer(script) as server:
        response = await open_response(transport, build_request(server))
        assert await response.read() == b"data: 1\n\n"
        response.transfer.pause()
        more.set()
        response.transfer.resume()
        assert await read_rest(response) == b"data: 2\n\n"
        assert response.is_complete
