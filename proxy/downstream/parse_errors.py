"""The error for what aiohttp's parser does not take as a request.

The parser's own messages quote what arrived, which may be a secret. None of it is in these errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypedDict

from aiohttp.http_exceptions import LineTooLong

from proxy.errors import InvalidRequestError, ParrotError
from proxy.http_errors import HeadersTooLargeError, HttpVersionError, UriTooLongError

MAX_TARGET_BYTES = 8192
MAX_HEADER_BYTES = 8190
"""Of one header, name and value. Not the limit of the target: the parser's error tells them apart by their limits."""
MAX_HEADERS = 128


class ParserLimits(TypedDict):
    """The limits of aiohttp's parser, by the names of its options."""

    max_line_size: int
    max_field_size: int
    max_headers: int


PARSER_LIMITS = ParserLimits(max_line_size=MAX_TARGET_BYTES, max_field_size=MAX_HEADER_BYTES, max_headers=MAX_HEADERS)

_TLS = "this listener serves HTTP, not HTTPS; use an http:// URL"
_BEGINNINGS: Mapping[str, Callable[[], ParrotError]] = {
    "Too many headers received": lambda: HeadersTooLargeError(f"more than {MAX_HEADERS} headers"),
    "Pause on PRI/Upgrade": HttpVersionError,  # the preface of HTTP/2
    "Bad status line:\n  Invalid HTTP version": HttpVersionError,
    "Received HTTPS traffic on an HTTP port": lambda: InvalidRequestError(_TLS),
}
"""How messages of aiohttp and llhttp begin -> the error. What they quote of the request stands behind it."""


def parse_error(error: BaseException | None) -> ParrotError:
    """Return the client's error for an exception of the parser."""
    if isinstance(error, LineTooLong):
        return _too_long(error)
    message = str(getattr(error, "message", ""))
    for beginning, make in _BEGINNINGS.items():
        if message.startswith(beginning):
            return make()
    return InvalidRequestError("the request is not well-formed HTTP/1.1")


def _too_long(error: LineTooLong) -> ParrotError:
    if error.args[1] == MAX_TARGET_BYTES:
        return UriTooLongError(f"the request target is over {MAX_TARGET_BYTES} bytes")
    return HeadersTooLargeError(f"a header is over {MAX_HEADER_BYTES} bytes")
