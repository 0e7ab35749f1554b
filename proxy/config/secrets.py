"""Finds the secrets in a routing.yaml and its environment, and values that may be secrets (`weak`)."""

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
"""Names of headers and query parameters whose value is always a secret."""
_PUBLIC_VALUE = re.compile(r"\s|://|\d{4}-\d\d-\d\d")
"""Titles, URLs and versions: values that a response may legitimately contain."""

_AUTH_SCHEME = re.compile(r"(?:basic|bearer|token|key|api-?key) +(?P<credentials>\S.*)", re.IGNORECASE)
_PROVIDER_PATH = re.compile(
    r"providers\.(?P<provider>[^.]+)\.(?:(?P<address>base_url|path|regions\.)|headers\.|query\.)"
)
_URL_SEPARATORS = re.compile(r"[:/?#&=]+")
_CUSTOM_MIDDLEWARE = re.compile(r"pipeline\[\d+\]\.[^:]*:")
_PROXY_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_USERINFO = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?P<userinfo>[^/]*)@", re.IGNORECASE)


@dataclass(slots=True, repr=False)
class Substitutions:
    """The values of the variables used in one provider's section."""

    secrets: list[str] = field(default_factory=list)
    """From its headers and query, and the parts of its URL that are not host names."""
    addresses: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """The sources of secrets in a file and its environment."""

    public_names: frozenset[str]
    """Names of providers, models and regions, which outputs show: never treated as secrets."""
    substitutions: Mapping[str, Substitutions]
    """By provider name."""
    proxies: tuple[str, ...]
    """Credentials of forward proxies, each of which may be used for any provider."""

    @classmethod
    def collect(
        cls, names: frozenset[str], substituted: Iterable[tuple[str, str]], environ: Mapping[str, str]
    ) -> Secrets:
        """Collect the secrets of a file from its names, the values of its variables by path, and the environment."""
        return cls(names, _by_provider(substituted), tuple(proxy_credentials(environ)))

    def redactor(self, provider: str, keys: Iterable[Secret], sent: Mapping[str, str]) -> Redactor:
        """Return the redactor for responses of a provider. `sent` are the headers and query sent to it.

        Weak are a key that is a plain word, and values a response may legitimately contain: titles, URLs, versions.
        """
        values = self.substitutions.get(provider, Substitutions())
        certain = {*self.proxies, *values.secrets, *(key.value for key in keys)}
        certain.update(
            text for name, value in sent.items() if _CREDENTIAL_NAME.search(name) for text in _credential_parts(value)
        )
        opaque = {value for value in filter(is_distinct, sent.values()) if not _PUBLIC_VALUE.search(value)}
        distinct = ({*filter(is_distinct, certain)} | opaque) - self.public_names
        return Redactor(distinct, (certain | {*filter(is_distinct, (*sent.values(), *values.addresses))}) - distinct)


def _by_provider(substituted: Iterable[tuple[str, str]]) -> Mapping[str, Substitutions]:
    providers: defaultdict[str, Substitutions] = defaultdict(Substitutions)
    for path, value in substituted:
        if (match := _PROVIDER_PATH.match(path)) is None:
            continue
        values = providers[match["provider"]]
        if match["address"]:
            values.addresses.append(value)
            values.secrets.extend(
                part for part in _URL_SEPARATORS.split(value) if "." not in part and is_distinct(part)
            )
        else:
            values.secrets.extend(_credential_parts(value))
    return providers


def custom_middleware_values(substituted: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Return the values of variables in the options of custom middlewares, any of which may be a secret."""
    return (value for path, value in substituted if _CUSTOM_MIDDLEWARE.match(path))


def _credential_parts(value: str) -> tuple[str, ...]:
    """Return a value, and its credentials alone if it begins with a scheme, as in `Bearer KEY`."""
    match = _AUTH_SCHEME.fullmatch(value)
    return (value, match["credentials"]) if match else (value,)


def proxy_credentials(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what a forward proxy is sent: the password, and user and password encoded for `Proxy-Authorization`."""
    for name, value in environ.items():
        if name.lower() in _PROXY_VARIABLES and (match := _USERINFO.match(value.strip())):
            user, colon, password = match["userinfo"].partition(":")
            if colon:
                yield from (password, unquote(password))
            yield b64encode(f"{unquote(user)}:{unquote(password)}".encode("utf-8", "surrogateescape")).decode()
