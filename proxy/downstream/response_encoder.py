"""Encodes the responses of one connection, one after the other: their heads, and streams in chunks."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.downstream.response_head import encode_head

_CHUNKED = "Transfer-Encoding: chunked\r\n"
_WITHOUT_BODY = frozenset({204, 304})
"""Statuses whose responses end with their head, and have no Content-Length (RFC 9110, 8.6)."""

_BODY_UNREAD = (408, 413)
"""Statuses of requests whose body may still be coming: the connection ends with them."""


class ResponseEncoder:
    """Turns responses into bytes. `begin` tells it what they respond to."""

    __slots__ = ("_head", "_is_chunked", "_is_head_request", "_version", "keep_alive")

    def __init__(self) -> None:
        self.keep_alive = True
        """Whether the connection may serve another request after this response."""
        self._version = (1, 1)
        self._is_head_request = False
        self._is_chunked = True
        self._head = b""
        """The head of a stream, which leaves with its first events."""

    def begin(self, version: tuple[int, int], method: str, *, keep_alive: bool) -> None:
        """Begin with the response to a request."""
        self._version, self._is_head_request, self.keep_alive = version, method == "HEAD", keep_alive

    def complete(self, status: int, headers: Mapping[str, str], body: bytes) -> bytes:
        """Return a complete response. Raises ValueError for a header that would break the head."""
        self.keep_alive = self.keep_alive and status not in _BODY_UNREAD
        if status in _WITHOUT_BODY:
            return self._encode_head(status, headers, "")
        framing = f"Content-Length: {len(body)}\r\n"
        head = encode_head(self._version, status, headers, framing=framing, keep_alive=self.keep_alive)
        return head if self._is_head_request else head + body

    def start_stream(self, status: int, headers: Mapping[str, str]) -> None:
        """Begin a stream. HTTP/1.0 has no chunks, so that there only the connection's end ends it. Raises ValueError."""
        self._is_chunked = self._version >= (1, 1)
        self.keep_alive = self.keep_alive and self._is_chunked
        self._head = self._encode_head(status, headers, _CHUNKED if self._is_chunked else "")

    def events(self, data: bytes) -> bytes:
        """Return events as one chunk, behind the head if that has not left."""
        if self._is_chunked and data:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._head:
            data, self._head = self._head + data, b""
        return data

    def end_stream(self) -> bytes:
        """Return the end of the stream: the last chunk, or nothing."""
        head, self._head = self._head, b""
        return head + b"0\r\n\r\n" if self._is_chunked else head

    def _encode_head(self, status: int, headers: Mapping[str, str], framing: str) -> bytes:
        return encode_head(self._version, status, headers, framing=framing, keep_alive=self.keep_alive)
