"""Host and Origin checks: protect a listener without API keys from web pages and from DNS rebinding."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address

from proxy.errors import ForbiddenError
from proxy.messages import Headers

_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")


def check_host(headers: Headers, remedy: str) -> None:
    """Raise ForbiddenError for a Host that is a DNS name other than localhost. `remedy` ends the message.

    DNS rebinding: an attacker's name that resolves to this machine still appears in Host. IP literals are not resolved,
    so they are safe.
    """
    host = headers.get("Host", "")
    if not _is_safe(host):
        raise ForbiddenError(
            f"without a key only localhost and IP addresses are served, not the host '{host[:128]}'; {remedy}"
        )


def check_origin(headers: Headers, allowed: Collection[str], remedy: str) -> None:
    """Raise ForbiddenError for a request from a web page, unless it is the listener's own or its origin is in `allowed`.

    Any page in a browser can send requests to localhost, but the browser adds the page's origin. `remedy` ends the message.
    """
    origin = headers.get("Origin")
    if origin is None or origin in allowed:
        return
    own = (headers.get("Host") or "?").lower()
    if origin.lower() not in (f"http://{own}", f"https://{own}"):
        raise ForbiddenError(f"requests from the web origin '{origin[:128]}' are rejected; {remedy}")


@lru_cache(maxsize=128)
def _is_safe(host: str) -> bool:
    """Return whether a Host value is empty, localhost or an IP literal."""
    match = _AUTHORITY.fullmatch(host)
    if match is None:
        return False
    name = match[1]
    if name.lower() in ("", "localhost", "127.0.0.1"):
        return True
    try:
        return ip_address(name.strip("[]")).version == (6 if name.startswith("[") else 4)
    except ValueError:
        return False
