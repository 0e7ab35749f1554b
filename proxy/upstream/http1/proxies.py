"""Which forward proxy stands before an origin, by HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from proxy.upstream.http1.origin import Origin


@dataclass(frozen=True, slots=True)
class Proxy:
    """A forward proxy spoken to in plain HTTP; `authorization` is the whole value of Proxy-Authorization."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


class Route(NamedTuple):
    """An origin and the proxy on the way there: connections with the same route can stand in for one another."""

    origin: Origin
    proxy: Proxy | None

    @property
    def tunnelled(self) -> bool:
        """https goes through a proxy in a CONNECT tunnel, http is asked of the proxy itself."""
        return self.proxy is not None and self.origin.scheme == "https"


@dataclass(frozen=True, slots=True)
class Proxies:
    """The environment's proxies by scheme, and the hosts that are reached without."""

    by_scheme: Mapping[str, Proxy]
    without: tuple[str, ...] = ()

    @classmethod
    def parse(cls, environ: Mapping[str, str]) -> Proxies:
        """Lower-case names win, as in curl; ValueError names the variable that is not understood."""
        named = {scheme: f"{scheme}_proxy" for scheme in ("http", "https")}
        found = {scheme: (name, _value(environ, name)) for scheme, name in named.items()}
        return cls(
            {scheme: _proxy(name, text) for scheme, (name, text) in found.items() if text},
            tuple(entry.strip().lower() for entry in _value(environ, "no_proxy").split(",") if entry.strip()),
        )

    def route(self, origin: Origin) -> Route:
        """The way to an origin."""
        direct = any(_covers(entry, origin) for entry in self.without)
        return Route(origin, None if direct else self.by_scheme.get(origin.scheme))


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _proxy(name: str, text: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        host = None
    if not host or parts.scheme != "http":
        raise ValueError(f"{name.upper()}: not of the form http://[user:password@]host[:port]")
    if parts.username is None:
        return Proxy(host, port)
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(host, port, f"Basic {b64encode(credentials.encode()).decode()}")


def _covers(entry: str, origin: Origin) -> bool:
    """`*`, a domain with all below it, `host:port`, an address, or a block of addresses (10.0.0.0/8)."""
    if entry in ("*", origin.host, origin.with_port):
        return True
    if "/" in entry:
        return _in_block(origin.host, entry)
    domain = entry.removeprefix("*").removeprefix(".")
    return bool(domain) and (f".{origin.host}".endswith(f".{domain}"))


def _in_block(host: str, block: str) -> bool:
    try:
        return ip_address(host) in ip_network(block, strict=False)
    except ValueError:
        return False
