"""Who may come in: by key where keys are named, else only what is truly local."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated

from msgspec import Meta

from proxy.config.units import Secret
from proxy.errors import AuthenticationError
from proxy.exchange import Exchange, Handler
from proxy.host_origin import check_host, check_origin
from proxy.messages import Headers, Response

LATER = frozenset({"/v1/providers/health/stream"})
"""Where a websocket without any key may come in, to show it in its first message: a browser's cannot send headers."""


@dataclass(frozen=True, slots=True)
class Key:
    """One caller."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    value: Secret

    def __post_init__(self) -> None:
        if self.value.missing:
            raise ValueError(f"a caller's key must have a value: {self.value.missing}")


@dataclass(frozen=True, slots=True)
class Auth:
    """Checks the key, or without keys that neither a web page nor a rebound name is asking."""

    keys: tuple[Key, ...] = ()
    origins: tuple[str, ...] = ()
    """Web origins that may call from a browser, such as `https://app.example.com`."""

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        headers = exchange.request.headers
        check_origin(headers, self.origins, "list it under auth: origins")
        if not self.keys:
            check_host(headers, "name keys under auth: keys")
        elif _shows_it_later(exchange):
            exchange.authenticate_later = self._named
        else:
            exchange.identity = self._identity(headers)
        return await handler(exchange)

    def _identity(self, headers: Headers) -> str:
        name = self._named(_sent(headers))
        if name is None:
            raise AuthenticationError("a valid key is required: Authorization: Bearer KEY, or x-api-key: KEY")
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
