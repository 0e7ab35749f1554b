"""A request's head as it stands on the wire."""

from __future__ import annotations

import re

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
    _check(request.headers)
    lines = [
        f"{request.method} {_asked(target, route)} HTTP/1.1",
        f"Host: {target.origin.authority}",
        "Accept-Encoding: identity",
        f"Content-Length: {len(request.body)}",
        *(f"{name}: {value}" for name, value in request.headers.items() if name.lower() not in _OURS),
    ]
    if route.proxy is not None and route.proxy.authorization and not route.tunnelled:
        lines.append(f"Proxy-Authorization: {route.proxy.authorization}")
    # What aiohttp read as undecodable UTF-8 goes out as the bytes it was.
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _asked(target: Target, route: Route) -> str:
    """The path; a proxy that is no tunnel wants the whole URL (RFC 9112, 3.2.2)."""
    if route.proxy is None or route.tunnelled:
        return target.path
    return f"http://{target.origin.authority}{target.path}"


def _check(headers: dict[str, str]) -> None:
    """All at once, and one by one only to name the culprit."""
    if "" in headers or _UNSAFE.search("".join(headers.values())) or not _NAMES.fullmatch("".join(["x", *headers])):
        culprits = [name for name, value in headers.items() if _UNSAFE.search(value) or not _NAMES.fullmatch(name)]
        raise InvalidHeader(f"the header {culprits[0][:64]!r} has characters that HTTP does not allow")
