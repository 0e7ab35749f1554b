"""Where a URL leads: the origin to connect to, and what to ask it for."""

from __future__ import annotations

import encodings.idna  # noqa: F401 (loaded with the first name otherwise, when there may be no descriptor left for it)
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from proxy.errors import ConnectFailure

_PORTS = {"http": 80, "https": 443}
_WRITABLE = re.compile(r"[!-~]+")


class Origin(NamedTuple):
    """Scheme, host and port; a tuple, because it is the key of every connection."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host`, or `host:port` where the port is not the scheme's own; IPv6 in brackets."""
        return self.bare if self.port == _PORTS[self.scheme] else self.with_port

    @property
    def with_port(self) -> str:
        """`host:port`, always with the port, as CONNECT wants it."""
        return f"{self.bare}:{self.port}"

    @property
    def bare(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host


class Target(NamedTuple):
    """An origin, and path and query exactly as the URL has them."""

    origin: Origin
    path: str


@lru_cache(maxsize=1024)
def locate(url: str) -> Target:
    """The target of an http(s) URL; ConnectFailure if it is none, or has characters that a request line cannot hold."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        origin = Origin(parts.scheme, host, parts.port or _PORTS[parts.scheme])
    except (ValueError, KeyError):
        raise ConnectFailure("the provider's URL is no http(s) URL") from None
    # urlsplit drops line breaks in silence, hence the look at the URL itself.
    path = url.partition("://")[2].partition("#")[0]
    path = path[len(parts.netloc) :]
    if not host or not _WRITABLE.fullmatch(path or "/"):
        raise ConnectFailure("the provider's URL has no host, or unencoded characters in its path")
    return Target(origin, path if path.startswith("/") else f"/{path}")
