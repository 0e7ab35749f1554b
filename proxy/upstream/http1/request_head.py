"""Encodes the head of a request: request line and headers."""

from __future__ import annotations

import re
from functools import lru_cache

from proxy.errors import InvalidHeaderError
from proxy.messages import UpstreamRequest
from proxy.upstream.http1.origin import RequestTarget
from proxy.upstream.http1.proxies import Route

# Framing, routing and encoding belong to the transport: the caller's values are dropped.
_TRANSPORT_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "proxy-authorization", "expect"}
)
_LENGTH, _CHUNKED = "Content-Length: %d", "Transfer-Encoding: chunked"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_UNSAFE_CHARACTER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def encode_request_head(request: UpstreamRequest, target: RequestTarget, route: Route) -> bytes:
    """Return request line, headers and the empty line. Raises InvalidHeaderError, which names the header."""
    headers = request.headers
    upload = request.upload
    framing = _LENGTH if upload is None or upload.size is not None else _CHUNKED
    template, sent = _template(request.method, target, route, tuple(headers), framing=framing)
    values = [headers[name] for name in sent]
    joined = "".join(values)
    if not joined.isprintable() and _UNSAFE_CHARACTER.search(joined):
        raise _invalid_header(next(name for name in sent if _UNSAFE_CHARACTER.search(headers[name])))
    sizes = (len(request.body) if upload is None else upload.size,) if framing is _LENGTH else ()
    text = template % (*sizes, *values)
    # Bytes that aiohttp could not decode as UTF-8 are sent as they were received.
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=256)
def _template(
    method: str, target: RequestTarget, route: Route, names: tuple[str, ...], *, framing: str
) -> tuple[str, tuple[str, ...]]:
    """Return the head with `%` places for the body's length and the headers that are sent, and the names of those.

    Requests to a target have the same headers nearly always. Raises InvalidHeaderError.
    """
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise _invalid_header(name)
    sent = tuple(name for name in names if name.lower() not in _TRANSPORT_HEADERS)
    fixed = _fixed_part(method, target, route).replace("%", "%%")
    fields = "".join(f"\r\n{name.replace('%', '%%')}: %s" for name in sent)
    return f"{fixed}{framing}{fields}\r\n\r\n", sent


def _fixed_part(method: str, target: RequestTarget, route: Route) -> str:
    """Return what all requests to a target have in common, up to the framing of the body."""
    target_form, authorization = target.path, ""
    if route.proxy is not None and not route.is_tunnelled:
        # Without a tunnel the proxy needs the absolute URL (RFC 9112, 3.2.2).
        target_form = f"http://{target.origin.authority}{target.path}"
        authorization = f"Proxy-Authorization: {route.proxy.authorization}\r\n" if route.proxy.authorization else ""
    host = f"Host: {target.origin.authority}\r\n"
    return f"{method} {target_form} HTTP/1.1\r\n{host}{authorization}Accept-Encoding: identity\r\n"


def _invalid_header(name: str) -> InvalidHeaderError:
    return InvalidHeaderError(f"the header {name[:64]!r} contains characters that HTTP does not allow")
