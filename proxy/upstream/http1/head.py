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
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def head(request: Outgoing, target: Target, route: Route) -> bytes:
    """Request line and headers with the empty line; InvalidHeader names the one that cannot be sent."""
    headers = request.headers
    names = _sent(tuple(headers))
    values = "".join(headers.values())
    if not values.isprintable() and _UNSAFE.search(values):
        raise _invalid(next(name for name, value in headers.items() if _UNSAFE.search(value)))
    fields = "".join([f"\r\n{name}: {headers[name]}" for name in names])
    text = f"{_opening(request.method, target, route)}{len(request.body)}{fields}\r\n\r\n"
    # What aiohttp read as undecodable UTF-8 goes out as the bytes it was.
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=256)
def _sent(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names less those that are ours; InvalidHeader for one that is none (RFC 9110, 5.1)."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise _invalid(name)
    return tuple(name for name in names if name.lower() not in _OURS)


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


def _invalid(name: str) -> InvalidHeader:
    return InvalidHeader(f"the header {name[:64]!r} has characters that HTTP does not allow")
