"""Collects the body of a caller's request as it arrives, or drops it."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from proxy.errors import InvalidRequestError


class BodyReader:
    """The body of one request, whose parts aiohttp's parser puts into a StreamReader."""

    __slots__ = ("_parts", "message", "payload", "size")

    def __init__(self, message: RawRequestMessage, payload: StreamReader) -> None:
        self.message = message
        self.payload = payload
        self._parts = bytearray()  # a list of small parts would take many times their size
        self.size = 0
        """Bytes so far."""

    @property
    def is_awaiting_continue(self) -> bool:
        """Whether the caller waits for `100 Continue` before it sends the body."""
        message = self.message
        return message.version >= (1, 1) and message.headers.get("Expect", "").lower() == "100-continue"

    @property
    def is_complete(self) -> bool:
        """Whether all of it has arrived."""
        return self.payload.is_eof()

    @property
    def is_over(self) -> bool:
        """Whether nothing more of it comes: it is complete, or broken."""
        return self.payload.is_eof() or self.payload.exception() is not None

    def read(self, count: Callable[[int], None], *, is_followed: bool = False) -> bytes | None:
        """Keep what has arrived, and return the body once it is complete.

        `is_followed` says that something else stands behind it, which is what broke it where it is incomplete.
        `count` is called with the size of each part before the part is kept. Raises whatever that raises, and
        InvalidRequestError for a body whose framing is broken.
        """
        if is_followed:
            self._break_off()
        try:
            data = self.payload.read_nowait()
        except Exception:  # noqa: BLE001 (aiohttp has several for broken framing)
            raise InvalidRequestError("the request's body is not well-formed HTTP/1.1") from None
        count(len(data))
        self.size += len(data)
        is_complete = self.payload.is_eof()
        if is_complete and not self._parts:
            return data
        self._parts += data
        if not is_complete:
            return None
        body = bytes(self._parts)
        self._parts.clear()
        return body

    def take(self) -> bytes:
        """Return what has arrived, and was not returned before, of a body that is not complete."""
        data = bytes(self._parts)
        self._parts.clear()
        return data

    def discard(self, *, is_followed: bool = False) -> bool:
        """Drop what has arrived. Return whether the body is well-formed so far."""
        self._parts.clear()
        if is_followed:
            self._break_off()
        try:
            self.payload.read_nowait()
        except Exception:  # noqa: BLE001 (as above)
            return False
        return self.payload.exception() is None

    def _break_off(self) -> None:
        if not self.is_over:
            self.payload.set_exception(InvalidRequestError("the request's body is not well-formed HTTP/1.1"))
