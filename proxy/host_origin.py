"""Host and Origin checks: they keep web pages and rebound DNS names away from a listener that requires no key."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address

from proxy.errors import ForbiddenError
from proxy.messages import Headers

_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")


def check_host(headers: Headers, remedy: str) -> None:
    """Raise ForbiddenError for a Host that is a DNS name other than localhost; `remedy` ends the message.

    A name of an attacker's that resolves to this machine still stands in Host (DNS rebinding). An IP literal was not
    resolved, so it cannot have been rebound."""
    host = headers.get("Host", "")
    if not _is_safe(host):
        raise ForbiddenError(
            f"without a key only localhost and IP addresses are served, not the host '{host[:128]}'; {remedy}"
        )


def check_origin(headers: Headers, allowed: Collection[str], remedy: str) -> None:
    """Raise ForbiddenError for a web page's request, unless the page is the listener's own or its origin is `allowed`.

    A page in a browser can reach localhost, but the browser adds the page's origin."""
    origin = headers.get("Origin")
    if origin is None or origin in allowed:
        return
    own = (headers.get("Host") or "?").lower()
    if origin.lower() not in (f"http://{own}", f"https://{own}"):
        raise ForbiddenError(f"requests from the web origin '{origin[:128]}' are refused; {remedy}")


@lru_cache(maxsize=64)
def _is_safe(host: str) -> bool:
    """Whether a Host value is empty, localhost or an IP literal."""
    match = _AUTHORITY.fullmatch(host)
    if match is None:
        return False
    name = match[1]
    if name.lower() in ("", "localhost"):
        return True
    try:
        return ip_address(name.strip("[]")).version == (6 if name.startswith("[") else 4)
    except ValueError:
        return False
