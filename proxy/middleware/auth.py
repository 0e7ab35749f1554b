"""Who may come in: by key where keys are named, else only what is truly local."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated

from msgspec import Meta

from proxy.config.quantities import Secret
from proxy.errors import Forbidden, Unauthenticated
from proxy.exchange import Exchange, Handler
from proxy.messages import Headers, Response

LATER = frozenset({"/v1/providers/health/stream"})
"""Where a websocket without any key may come in, to show it in its first message: a browser's cannot send headers."""
_LOCAL = re.compile(r"localhost|127(\.\d{1,3}){3}|\[::1\]|", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Key:
    """One caller."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    value: Secret

    def __post_init__(self) -> None:
        if self.value.missing:
            raise ValueError(
                f"variable {self.value.missing} is not set; set it, or write ${{{self.value.missing}:-default}}"
            )


@dataclass(frozen=True, slots=True)
class Auth:
    """Checks the key, or without keys that neither a web page nor a rebound name is asking."""

    keys: tuple[Key, ...] = ()
    origins: tuple[str, ...] = ()
    """Web origins that may call from a browser, such as `https://app.example.com`."""

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        headers = exchange.request.headers
        self._check_origin(headers)
        if not self.keys:
            _check_host(headers)
        elif _shows_it_later(exchange):
            exchange.admits = self._named
        else:
            exchange.identity = self._identity(headers)
        return await handler(exchange)

    def _check_origin(self, headers: Headers) -> None:
        # A page in the developer's browser can reach localhost; it cannot help sending its origin.
        origin = headers.get("Origin")
        if origin is None:
            return
        own = (headers.get("Host") or "?").lower()  # the sidecar's own page, the dashboard
        if origin not in self.origins and origin.lower() not in (f"http://{own}", f"https://{own}"):
            raise Forbidden(f"requests from the web origin '{origin[:128]}' are refused; list it under auth: origins")

    def _identity(self, headers: Headers) -> str:
        name = self._named(_sent(headers))
        if name is None:
            raise Unauthenticated("a valid key is required: Authorization: Bearer KEY, or x-api-key: KEY")
        return name

    def _named(self, key: str) -> str | None:
        """The key's name; every key is compared, and digests, so that time tells nothing."""
        given = _digest(key)
        found = [each.name for each in self.keys if compare_digest(given, _digest(each.value.value))]
        return found[0] if found else None


def _shows_it_later(exchange: Exchange) -> bool:
    headers, path = exchange.request.headers, exchange.request.path.partition("?")[0]
    websocket = headers.get("Upgrade", "").lower() == "websocket"
    return websocket and path in LATER and "Authorization" not in headers and "x-api-key" not in headers


def _sent(headers: Headers) -> str:
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def _check_host(headers: Headers) -> None:
    # A name of an attacker's that resolves to 127.0.0.1 still stands in Host (DNS rebinding).
    name = _name(headers.get("Host", ""))
    if not _is_local(name):
        raise Forbidden(
            f"without keys only localhost is served, not the host '{name[:128]}'; name keys under auth: keys"
        )


def _name(host: str) -> str:
    """The host without its port."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]


@lru_cache(maxsize=64)
def _is_local(name: str) -> bool:
    return _LOCAL.fullmatch(name) is not None
