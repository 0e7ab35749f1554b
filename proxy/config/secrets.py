"""Which texts of a routing.yaml and its environment are secrets, and which only may be."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from proxy.config.units import Secret
from proxy.redaction import Redactor, is_distinct

_CREDENTIAL_NAME = re.compile(r"auth|key|token|secret|password|credential|cookie|signature", re.IGNORECASE)
"""What the name of a header or a query parameter has in it whose value is a secret, whatever it looks like."""
_PUBLIC_VALUE = re.compile(r"\s|://|\d{4}-\d\d-\d\d")
"""What a title, a URL and a version have in them: values that an answer may well be about."""

_AUTH_SCHEME = re.compile(r"(?:basic|bearer|token|key|api-?key) +(?P<credentials>\S.*)", re.IGNORECASE)
_PROVIDER_PATH = re.compile(
    r"providers\.(?P<provider>[^.]+)\.(?:(?P<address>base_url|path|regions\.)|headers\.|query\.)"
)
_URL_SEPARATORS = re.compile(r"[:/?#&=]+")
_CUSTOM_MIDDLEWARE = re.compile(r"pipeline\[\d+\]\.[^:]*:")
_PROXY_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_USERINFO = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?P<userinfo>[^/]*)@", re.IGNORECASE)


@dataclass(slots=True)
class Substitutions:
    """What the variables of one provider stand for."""

    secrets: list[str] = field(default_factory=list)
    """In its headers and its query, and those parts of its address that name no host."""
    addresses: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a file and its environment keep secret of its providers."""

    public_names: frozenset[str]
    """The names that outputs are full of, and that are no secrets wherever else they stand."""
    substitutions: Mapping[str, Substitutions]
    """By provider."""
    proxies: tuple[str, ...]
    """Credentials of forward proxies, any of which may stand before any provider."""

    @classmethod
    def collect(
        cls, names: frozenset[str], substituted: Iterable[tuple[str, str]], environ: Mapping[str, str]
    ) -> Secrets:
        """Return those of a file that has these names, and these values of variables by path."""
        return cls(names, _by_provider(substituted), tuple(proxy_credentials(environ)))

    def redactor(self, provider: str, key: Secret | None, sent: Mapping[str, str]) -> Redactor:
        """Return what redacts the responses of a provider that is sent this key, these headers and this query.

        A key that is no more than a word is weak, and so is what an answer may be about: a title, a URL, a version."""
        values = self.substitutions.get(provider, Substitutions())
        certain = {*self.proxies, *values.secrets, *([key.value] if key else ())}
        certain.update(
            text for name, value in sent.items() if _CREDENTIAL_NAME.search(name) for text in _credential_parts(value)
        )
        opaque = {value for value in filter(is_distinct, sent.values()) if not _PUBLIC_VALUE.search(value)}
        distinct = ({*filter(is_distinct, certain)} | opaque) - self.public_names
        return Redactor(distinct, (certain | {*filter(is_distinct, (*sent.values(), *values.addresses))}) - distinct)


def _by_provider(substituted: Iterable[tuple[str, str]]) -> Mapping[str, Substitutions]:
    found: defaultdict[str, Substitutions] = defaultdict(Substitutions)
    for path, value in substituted:
        if (place := _PROVIDER_PATH.match(path)) is None:
            continue
        values = found[place["provider"]]
        if place["address"]:
            values.addresses.append(value)
            values.secrets.extend(
                part for part in _URL_SEPARATORS.split(value) if "." not in part and is_distinct(part)
            )
        else:
            values.secrets.extend(_credential_parts(value))
    return found


def custom_middleware_values(substituted: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield what variables stand for in the options of users' own middlewares, any of which may be a secret."""
    return (value for path, value in substituted if _CUSTOM_MIDDLEWARE.match(path))


def _credential_parts(value: str) -> tuple[str, ...]:
    """A value, and its credentials alone where it names their scheme: `Bearer KEY`."""
    match = _AUTH_SCHEME.fullmatch(value)
    return (value, match["credentials"]) if match else (value,)


def proxy_credentials(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what a forward proxy is sent: the password, and both names as in `Proxy-Authorization`."""
    for name, value in environ.items():
        if name.lower() in _PROXY_VARIABLES and (match := _USERINFO.match(value.strip())):
            user, colon, password = match["userinfo"].partition(":")
            if colon:
                yield from (password, unquote(password))
            yield b64encode(f"{unquote(user)}:{unquote(password)}".encode("utf-8", "surrogateescape")).decode()
