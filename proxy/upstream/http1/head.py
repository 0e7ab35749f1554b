"""A request's head as it stands on the wire."""

from __future__ import annotations

import re
from functools import lru_cache

from proxy.errors import InvalidHeader
from proxy.messages import Outgoing
from proxy.upstream.http1.origin import Target
from proxy.upstream.http1.proxies import Route

# Framing, routing and encoding are the transport's own business, whatever the caller says of them.
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "proxy-authorization", "expect"}
)
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def head(request: Outgoing, target: Target, route: Route) -> bytes:
    """Request line and headers with the empty line; InvalidHeader names the one that cannot be sent."""
    headers = request.headers
    _check(headers)
    if not _OURS.isdisjoint(map(str.lower, headers)):
        headers = {name: value for name, value in headers.items() if name.lower() not in _OURS}
    fields = "".join([f"\r\n{name}: {value}" for name, value in headers.items()])
    text = f"{_opening(request.method, target, route)}{len(request.body)}{fields}\r\n\r\n"
    # What aiohttp read as undecodable UTF-8 goes out as the bytes it was.
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=1024)
def _opening(method: str, target: Target, route: Route) -> str:
    """What all requests to a target have in common, up to the number of Content-Length."""
    asked, authorization = target.path, ""
    if route.proxy is not None and not route.tunnelled:
        # A proxy that is no tunnel wants the whole URL (RFC 9112, 3.2.2).
        asked = f"http://{target.origin.authority}{target.path}"
        authorization = f"Proxy-Authorization: {route.proxy.authorization}\r\n" if route.proxy.authorization else ""
    host = f"Host: {target.origin.authority}\r\n"
    return f"{method} {asked} HTTP/1.1\r\n{host}{authorization}Accept-Encoding: identity\r\nContent-Length: "


def _check(headers: dict[str, str]) -> None:
    """All at once, and one by one only to name the culprit; what is printable needs no closer look."""
    values = "".join(headers.values())
    good_names = "" not in headers and _NAMES.fullmatch("".join(["x", *headers]))
    if not good_names or (not values.isprintable() and _UNSAFE.search(values)):
        culprits = [name for name, value in headers.items() if _UNSAFE.search(value) or not _NAMES.fullmatch(name)]
        raise InvalidHeader(f"the header {culprits[0][:64]!r} has characters that HTTP does not allow")
