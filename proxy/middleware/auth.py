"""Authenticates callers: by key where keys are configured, otherwise only what comes from this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated
from urllib.parse import parse_qsl

from msgspec import Meta

from proxy.config.plain_values import NO_POLICY, PolicyWords
from proxy.config.units import Secret
from proxy.errors import AuthenticationError
from proxy.exchange import Exchange, Identity
from proxy.host_origin import check_host, check_origin
from proxy.messages import Request

LATE_KEY_PATHS = frozenset({"/v1/providers/health/stream"})
"""Where a websocket may send its key in its first message, because a browser's websocket cannot send headers."""
KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
"""Headers with a key, of the SDKs that send no `Authorization`. Google's may send it as `?key=` in the query."""
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+")
"""The form in which a browser sends an origin: https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin."""
Origin = Annotated[str, Meta(extra_json_schema={"pattern": rf"^(null|{_ORIGIN.pattern})$|\$\{{"})]


@dataclass(frozen=True, slots=True)
class Key:
    """One caller."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    """How the log names the caller. Letters, digits, `.`, `_`, `-`."""
    value: Annotated[Secret, Meta(extra_json_schema={"pattern": "[!-~]"})]
    """The key that the caller sends. It appears in no output."""
    policy: PolicyWords = NO_POLICY
    """Routing options for requests with this key."""

    def __post_init__(self) -> None:
        if self.value.missing:
            raise ValueError(f"a caller's key must have a value: {self.value.missing}")


@dataclass(frozen=True, slots=True)
class Auth:
    """Checks the key. Without keys, that the request comes from no web page and to no rebound name."""

    keys: tuple[Key, ...] = ()
    """The callers. Without keys only loopback is served."""
    origins: tuple[Origin, ...] = ()
    """Web origins that may call from a browser, as the browser sends them: `https://app.example.com`,
    `http://localhost:3000`."""

    def __post_init__(self) -> None:
        for origin in self.origins:
            if origin != "null" and not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"origins: '{origin}' is not a web origin: scheme, host and port in lower case without a path, such as"
                    " https://app.example.com"
                )

    def before(self, exchange: Exchange) -> None:
        """Set the caller's identity. Raises AuthenticationError, and ForbiddenError for a web page or a rebound name."""
        headers = exchange.request.headers
        check_origin(headers, self.origins, "list it under auth: origins")
        if not self.keys:
            if not exchange.over_unix:
                check_host(headers, "name keys under auth: keys")
        elif _sends_key_later(exchange):
            exchange.authenticate_later = self._key_name
        elif not exchange.is_public:
            exchange.identity = self._identity(exchange.request)

    def _identity(self, request: Request) -> Identity:
        key = self._find(_sent_key(request) or "")
        if key is None:
            raise AuthenticationError("a valid key is required: Authorization: Bearer KEY, or x-api-key: KEY")
        return Identity(key.name, key.policy)

    def _key_name(self, value: str) -> str | None:
        key = self._find(value)
        return None if key is None else key.name

    def _find(self, value: str) -> Key | None:
        """Return a known key. Every key is compared, by digest, so that the time taken reveals nothing."""
        given = _digest(value)
        found = [each for each in self.keys if compare_digest(given, _digest(each.value.value))]
        return found[0] if found else None


def _sends_key_later(exchange: Exchange) -> bool:
    headers, path = exchange.request.headers, exchange.request.path.partition("?")[0]
    websocket = exchange.request.method == "GET" and headers.get("Upgrade", "").lower() == "websocket"
    return (
        websocket and path in LATE_KEY_PATHS and "Authorization" not in headers and _sent_key(exchange.request) is None
    )


def _sent_key(request: Request) -> str | None:
    """Return the key in the first of the places where clients send one, or None if there is none."""
    headers = request.headers
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    for name in KEY_HEADERS:
        if name in headers:
            return headers[name]
    return next((value for name, value in parse_qsl(request.path.partition("?")[2]) if name == "key"), None)


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()
