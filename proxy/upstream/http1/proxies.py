"""Chooses the forward proxy of an origin by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from proxy.upstream.http1.origin import Origin

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,15})://", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?", re.IGNORECASE)
_PORT = re.compile("[0-9]{1,5}")
_ENTRY = re.compile(rf"\*|(\*?\.)?{_HOST.pattern}(:{_PORT.pattern})?", re.IGNORECASE)
_PROXY_FORMAT = "http://[user:password@]host[:port]"
_ENTRY_FORMATS = "a comma-separated list of hosts, host:port, .domain, addresses, blocks such as 10.0.0.0/8, or *"


class EnvironmentValueError(ValueError):
    """An environment variable has an unusable value. The message names the variable and the allowed values."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A forward proxy reached over plain HTTP. `authorization` is the value of Proxy-Authorization."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


class Route(NamedTuple):
    """An origin and the proxy to reach it through. Connections of the same route are interchangeable."""

    origin: Origin
    proxy: Proxy | None

    @property
    def is_tunnelled(self) -> bool:
        """Whether requests pass the proxy in a CONNECT tunnel: https does, http is sent to the proxy itself."""
        return self.proxy is not None and self.origin.scheme == "https"


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of the environment by scheme, and the hosts that are reached directly."""

    by_scheme: Mapping[str, Proxy]
    no_proxy: tuple[str, ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Proxies:
        """Read the variables: lower-case names win, as in curl, and ALL_PROXY is for a scheme without its own.

        Raises EnvironmentValueError, whose message contains no credentials.
        """
        found = {scheme: _find_variable(environ, f"{scheme}_proxy", "all_proxy") for scheme in ("http", "https")}
        name, text = _find_variable(environ, "no_proxy")
        return cls(
            {scheme: _parse_proxy(name, text) for scheme, (name, text) in found.items() if text},
            tuple(_parse_no_proxy_entry(name, entry) for entry in re.split(r"[\s,]+", text) if entry),
        )

    def route(self, origin: Origin) -> Route:
        """Return the route to an origin. Loopback is always direct."""
        direct = is_loopback(origin.host) or any(_matches(entry, origin) for entry in self.no_proxy)
        return Route(origin, None if direct else self.by_scheme.get(origin.scheme))


def _find_variable(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    """Return name and value of the first variable that is set, in lower or upper case."""
    for variable in (case for name in names for case in (name, name.upper())):
        if text := environ.get(variable, "").strip():
            return variable, text
    return names[0], ""


def _parse_proxy(name: str, text: str) -> Proxy:
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() != "http":
        raise EnvironmentValueError(
            f"{name}: {scheme[1].lower()}:// proxies are not supported; expected {_PROXY_FORMAT}"
        )
    try:
        parts = urlsplit(text if scheme else f"http://{text}")
        host, port = parts.hostname or "", parts.port
        is_origin = parts.path in ("", "/") and not parts.query and not parts.fragment
        host = host if ":" in host else host.encode("idna").decode()
    except ValueError:
        host, port, is_origin = "", None, False
    if not is_origin or not (_HOST.fullmatch(host) or _is_address(host)) or port == 0:
        raise EnvironmentValueError(f"{name}: expected {_PROXY_FORMAT}")
    if parts.username is None:
        return Proxy(host, port or 80)
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(host, port or 80, f"Basic {b64encode(credentials.encode('utf-8', 'surrogateescape')).decode()}")


def _parse_no_proxy_entry(name: str, text: str) -> str:
    """Return one entry of NO_PROXY in the form that `_matches` expects."""
    entry = text.lower()
    bare = entry[1:-1] if entry.startswith("[") and entry.endswith("]") else entry
    if _is_address(bare):
        return str(ip_address(bare))
    address, _, port = entry.rpartition(":")
    bracketed = (
        address.startswith("[") and address.endswith("]") and _is_address(address[1:-1]) and _PORT.fullmatch(port)
    )
    if bracketed or _is_block(entry) or _ENTRY.fullmatch(entry):
        return entry
    shown = "an entry with an @" if "@" in text else f"the entry {text[:64]!r}"  # it may be a URL with a password
    raise EnvironmentValueError(f"{name}: cannot use {shown}; expected {_ENTRY_FORMATS}")


def _matches(entry: str, origin: Origin) -> bool:
    """Return whether an entry matches: `*`, a domain and its subdomains, `host:port`, an address or a block (10.0.0.0/8)."""
    if entry in ("*", origin.host, origin.host_port):
        return True
    if "/" in entry:
        return _is_address(origin.host) and ip_address(origin.host) in ip_network(entry, strict=False)
    domain = entry.removeprefix("*").removeprefix(".")
    return f".{origin.host}".endswith(f".{domain}")


def is_loopback(host: str) -> bool:
    """Return whether the host is localhost, a name below it (RFC 6761, 6.3), or a loopback or unspecified address."""
    if f".{host.lower().rstrip('.')}".endswith(".localhost"):
        return True
    if not _is_address(host):
        return False
    address = ip_address(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_block(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text
