"""A whole answer on the wire: its head and its body in one write."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import web

from proxy.messages import Response


class SentResponse:
    """An answer that is out; what aiohttp does with one that it is handed is done already."""

    __slots__ = ("keep_alive",)

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive

    async def prepare(self, http_request: web.BaseRequest) -> None:
        """Its head is out."""

    async def write_eof(self) -> None:
        """And so is its body."""


def encode_response(
    http_request: web.BaseRequest, response: Response, headers: Mapping[str, str], keep_alive: bool
) -> bytes:
    """All of it; raises ValueError for a header that would break the head.

    `headers` are all but those of framing and of the connection."""
    assert isinstance(response.body, bytes), "a stream is written as it comes"
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if fields.count("\n") != len(headers) or fields.count("\r") != len(headers):
        raise ValueError("a header of the answer has a line break in it")
    opening = _status_line(http_request.version, response.status, keep_alive)
    head = f"{opening}{fields}Content-Length: {len(response.body)}\r\n\r\n".encode("utf-8", "ignore")
    return head if http_request.method == "HEAD" else head + response.body


@lru_cache(maxsize=1)
def http_date(second: int) -> str:
    """A moment, in seconds since 1970, as the header Date says it (RFC 9110, 5.6.7)."""
    return formatdate(second, usegmt=True)


@lru_cache(maxsize=256)
def _status_line(version: tuple[int, int], status: int, keep_alive: bool) -> str:
    """The status line; what becomes of the connection is said where it is not the version's usual way."""
    reason = HTTPStatus(status).phrase if status in _KNOWN_STATUSES else ""
    usual = version >= (1, 1)
    connection = "" if keep_alive is usual else f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n"
    return f"HTTP/{version[0]}.{version[1]} {status} {reason}\r\n{connection}"


_KNOWN_STATUSES = frozenset(map(int, HTTPStatus))
