"""Parses a URL into the origin to connect to and the request target (RFC 9112, 3.2)."""

from __future__ import annotations

import encodings.idna  # noqa: F401 (otherwise loaded at the first name, when no descriptor may be left to open it)
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from proxy.errors import ConnectError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_VALID_PATH = re.compile(r"[!-~]+")


class Origin(NamedTuple):
    """Scheme, host and port. The key of the connection pool, so a tuple."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host`, or `host:port` if the port is not the scheme's default. IPv6 in brackets."""
        return self.url_host if self.port == _DEFAULT_PORTS[self.scheme] else self.host_port

    @property
    def host_port(self) -> str:
        """`host:port`, always with the port, as CONNECT requires it."""
        return f"{self.url_host}:{self.port}"

    @property
    def url_host(self) -> str:
        """The host as written in a URL: IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


class RequestTarget(NamedTuple):
    """An origin, with path and query exactly as the URL has them."""

    origin: Origin
    path: str

    def __repr__(self) -> str:
        return f"RequestTarget({self.origin.host_port})"  # path and query may hold the provider's key


@lru_cache(maxsize=1024)  # parsing takes 1 % of the time of a request
def parse_target(url: str) -> RequestTarget:
    """Parse an http(s) URL. Raises ConnectError if it is invalid or has characters that a request line cannot hold."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        origin = Origin(parts.scheme, host, parts.port or _DEFAULT_PORTS[parts.scheme])
    except (ValueError, KeyError):
        raise ConnectError("the provider's URL is not a valid http(s) URL") from None
    # urlsplit silently drops line breaks, so the path is taken from the URL itself.
    path = url.partition("://")[2].partition("#")[0]
    path = path[len(parts.netloc) :]
    if not host or not _VALID_PATH.fullmatch(path or "/"):
        raise ConnectError("the provider's URL has no host, or unencoded characters in its path")
    return RequestTarget(origin, path if path.startswith("/") else f"/{path}")
