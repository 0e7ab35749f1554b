"""Encodes a response with a known body, head and body together, so that one write sends it."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import web

from proxy.messages import Response


class SentResponse:
    """Stands for a response that was written already: what aiohttp does with a handler's result has no effect."""

    __slots__ = ("keep_alive",)

    def __init__(self, keep_alive: bool) -> None:
        """`keep_alive` is what aiohttp reads to keep or close the connection."""
        self.keep_alive = keep_alive

    async def prepare(self, http_request: web.BaseRequest) -> None:
        """Do nothing: the head was written."""

    async def write_eof(self) -> None:
        """Do nothing: the body was written."""


def encode_response(
    http_request: web.BaseRequest, response: Response, headers: Mapping[str, str], keep_alive: bool
) -> bytes:
    """Return head and body as bytes. Raises ValueError if a header contains a line break.

    `headers` are all headers except Content-Length and Connection, which are added here.
    """
    assert isinstance(response.body, bytes), "streams are written in chunks"
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if fields.count("\n") != len(headers) or fields.count("\r") != len(headers):
        raise ValueError("a response header contains a line break")
    status_line = _status_line(http_request.version, response.status, keep_alive)
    head = f"{status_line}{fields}Content-Length: {len(response.body)}\r\n\r\n".encode("utf-8", "ignore")
    return head if http_request.method == "HEAD" else head + response.body


@lru_cache(maxsize=1)  # formatting takes 1 % of the time of a request, and all requests of a second share it
def http_date(second: int) -> str:
    """Format seconds since 1970 for the Date header (RFC 9110, 5.6.7)."""
    return formatdate(second, usegmt=True)


def _status_line(version: tuple[int, int], status: int, keep_alive: bool) -> str:
    """Return the status line, with a Connection header if `keep_alive` is not the default of the HTTP version."""
    reason = HTTPStatus(status).phrase if status in _KNOWN_STATUSES else ""
    default = version >= (1, 1)
    connection = "" if keep_alive is default else f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n"
    return f"HTTP/{version[0]}.{version[1]} {status} {reason}\r\n{connection}"


_KNOWN_STATUSES = frozenset(map(int, HTTPStatus))
