"""Encodes the head of a response to the caller."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from proxy import __version__

SERVER = f"parrot/{__version__}"
"""The value of the `Server` header."""
_REASONS = {status.value: status.phrase for status in HTTPStatus}


def encode_head(
    version: tuple[int, int], status: int, headers: Mapping[str, str], *, framing: str, keep_alive: bool
) -> bytes:
    """Return status line and headers with the blank line. Raises ValueError for a header that would break the head.

    `framing` is the line, with its end, that says where the body ends. Empty if the end of the connection does.
    """
    fields = _fields_template(tuple(headers)) % tuple(headers.values())
    if fields.count("\n") != len(headers) or fields.count("\r") != len(headers):
        raise ValueError("a header of the response has a line break in it")
    return f"{_opening(version, status, keep_alive)}{fields}{framing}\r\n".encode("utf-8", "ignore")


@lru_cache(maxsize=128)
def _fields_template(names: tuple[str, ...]) -> str:
    """Return the lines of these headers with a place for each value. Most responses have the headers of one before."""
    return "".join(f"{name.replace('%', '%%')}: %s\r\n" for name in names)


@lru_cache(maxsize=1)
def http_date(second: int) -> str:
    """Return a moment, in seconds since 1970, in the form of the `Date` header (RFC 9110, 5.6.7)."""
    return formatdate(second, usegmt=True)


@lru_cache(maxsize=256)
def _opening(version: tuple[int, int], status: int, keep_alive: bool) -> str:
    """Return the status line, and a `Connection` header where the version's default does not hold."""
    is_default = keep_alive is (version >= (1, 1))
    connection = "" if is_default else f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n"
    return f"HTTP/{version[0]}.{version[1]} {status} {_REASONS.get(status, '')}\r\n{connection}"
