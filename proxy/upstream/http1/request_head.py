"""A request's head as it stands on the wire."""

from __future__ import annotations

import re
from functools import lru_cache

from proxy.errors import InvalidHeaderError
from proxy.messages import UpstreamRequest
from proxy.upstream.http1.origin import RequestTarget
from proxy.upstream.http1.proxies import Route

# Framing, routing and encoding are the transport's own business, whatever the caller says of them.
_TRANSPORT_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "proxy-authorization", "expect"}
)
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE_CHARACTER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def encode_request_head(request: UpstreamRequest, target: RequestTarget, route: Route) -> bytes:
    """Request line and headers with the empty line; InvalidHeaderError names the one that cannot be sent."""
    headers = request.headers
    names = _forwarded_names(tuple(headers))
    values = "".join(headers.values())
    if not values.isprintable() and _UNSAFE_CHARACTER.search(values):
        raise _invalid_header(next(name for name, value in headers.items() if _UNSAFE_CHARACTER.search(value)))
    fields = "".join([f"\r\n{name}: {headers[name]}" for name in names])
    text = f"{_fixed_part(request.method, target, route)}{len(request.body)}{fields}\r\n\r\n"
    # What aiohttp read as undecodable UTF-8 goes out as the bytes it was.
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=256)
def _forwarded_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names less those that are ours; InvalidHeaderError for one that is none (RFC 9110, 5.1)."""
    for name in names:
        if not _FIELD_NAME.fullmatch(name):
            raise _invalid_header(name)
    return tuple(name for name in names if name.lower() not in _TRANSPORT_HEADERS)


@lru_cache(maxsize=1024)
def _fixed_part(method: str, target: RequestTarget, route: Route) -> str:
    """What all requests to a target have in common, up to the number of Content-Length."""
    asked, authorization = target.path, ""
    if route.proxy is not None and not route.is_tunnelled:
        # A proxy that is no tunnel wants the whole URL (RFC 9112, 3.2.2).
        asked = f"http://{target.origin.authority}{target.path}"
        authorization = f"Proxy-Authorization: {route.proxy.authorization}\r\n" if route.proxy.authorization else ""
    host = f"Host: {target.origin.authority}\r\n"
    return f"{method} {asked} HTTP/1.1\r\n{host}{authorization}Accept-Encoding: identity\r\nContent-Length: "


def _invalid_header(name: str) -> InvalidHeaderError:
    return InvalidHeaderError(f"the header {name[:64]!r} has characters that HTTP does not allow")
