"""Decodes compressed response bodies (RFC 9110, 8.4.1), which some hosts send although only identity is accepted."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

from proxy.errors import MalformedResponse, ParrotError
from proxy.messages import ResponseSink

PIECE_BYTES = 64 * 1024
"""Decoded bytes that are produced at a time, so that the receiver can stop at its own limit."""
MAX_PIECES_WHILE_PAUSED = 128
"""How much more of one read is decoded for a receiver that has asked for a pause: 8 MiB."""
IDENTITY = ("", "identity")
_GZIP_WBITS = 16 + zlib.MAX_WBITS
_CODINGS = {"gzip": _GZIP_WBITS, "x-gzip": _GZIP_WBITS, "deflate": zlib.MAX_WBITS}
_DEFLATE_METHOD = 8
"""The lower half of the first byte of a zlib header. Some servers send `deflate` without that header."""


class ContentDecodingError(Exception):
    """A body is not what its Content-Encoding says."""


def is_supported(coding: str) -> bool:
    """Return whether a body with that Content-Encoding can be read."""
    return coding.lower() in _CODINGS or coding.lower() in IDENTITY


class ContentDecoder:
    """Decodes one body, read by read. A gzip body may have several members (RFC 1952, 2.2)."""

    __slots__ = ("_coding", "_zlib")

    def __init__(self, coding: str) -> None:
        self._coding = coding.lower()
        self._zlib: zlib._Decompress | None = None

    @property
    def is_complete(self) -> bool:
        """Whether what was read is a whole body. An empty one is."""
        return self._zlib is None or self._zlib.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield all that `data` decodes to, in pieces. Raises ContentDecodingError."""
        while data:
            if self._zlib is None or self._zlib.eof:
                self._zlib = self._start(data[0])
            yield from self._pieces(self._zlib, data)
            data = self._zlib.unused_data

    def _start(self, first: int) -> zlib._Decompress:
        """Return what decodes the body, or its next member."""
        wbits = _CODINGS[self._coding]
        if self._zlib is not None and wbits != _GZIP_WBITS:
            raise ContentDecodingError(f"data after the end of a {self._coding} body")
        has_no_header = wbits != _GZIP_WBITS and first & 0x0F != _DEFLATE_METHOD
        return zlib.decompressobj(-wbits if has_no_header else wbits)

    def _pieces(self, decompress: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        may_have_more = True
        while may_have_more:
            try:
                piece = decompress.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise ContentDecodingError(f"a body that is not {self._coding}, as its Content-Encoding says") from None
            if piece:
                yield piece
            data = decompress.unconsumed_tail
            may_have_more = bool(data) or len(piece) == PIECE_BYTES  # after a full piece also without further input


class CompressedConnection(Protocol):
    """The connection that a compressed body arrives on."""

    host: str
    paused_at: float | None

    def serves(self, sink: ResponseSink) -> bool:
        """Return whether the response to this sink's request is still to come."""

    def abort(self) -> None:
        """Close at once."""


class DecodingSink:
    """Hands a compressed body on as what it decodes to. Implements `messages.ResponseSink`.

    The receiver is asked after each piece, so that a body which expands to more than it takes ends at the receiver's limit.
    """

    __slots__ = ("_connection", "_decoder", "_receiver")

    def __init__(self, receiver: ResponseSink, decoder: ContentDecoder, connection: CompressedConnection) -> None:
        self._receiver = receiver
        self._decoder = decoder
        self._connection = connection

    def on_head(self, status: int, headers: dict[str, str]) -> None:
        """Hand on status and headers."""
        self._receiver.on_head(status, headers)

    def on_body(self, data: bytes) -> None:
        """Hand on what a part of the body decodes to."""
        connection, receiver, pieces_while_paused = self._connection, self._receiver, 0
        try:
            for piece in self._decoder.decode(data):
                receiver.on_body(piece)
                pieces_while_paused += connection.paused_at is not None
                if not connection.serves(receiver):
                    return
                if pieces_while_paused > MAX_PIECES_WHILE_PAUSED:
                    raise ContentDecodingError("a compressed body that expands too much")
        except ContentDecodingError as error:
            connection.abort()
            receiver.on_failure(MalformedResponse(f"{connection.host} sent {error}"))

    def on_end(self) -> None:
        """Hand on the end, or a failure if the body lacks a part."""
        if self._decoder.is_complete:
            self._receiver.on_end()
        else:
            self._receiver.on_failure(
                MalformedResponse(f"{self._connection.host} sent only a part of a compressed body")
            )

    def on_failure(self, failure: ParrotError) -> None:
        """Hand on the failure."""
        self._receiver.on_failure(failure)
