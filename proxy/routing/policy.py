"""What a request asks of the routing: its X- headers, or its body's `routing` member, as one frozen Policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from proxy.errors import InvalidHeader
from proxy.routing.strategies import STRATEGIES

MAX_NAMES = 32
"""Names a list may have."""


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it optional; empty means that the file decides."""

    only: tuple[str, ...] = ()
    """X-Provider: nobody but these."""
    preference: tuple[str, ...] = ()
    """X-Provider-Preference: these first, then the rest."""
    fallbacks: tuple[str, ...] = ()
    """X-Provider-Fallbacks: these in this order, and nobody else."""
    strategy: str | None = None
    """X-Routing-Strategy: how to order the rest."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A header: which part of the policy it is, and how its text is read."""

    name: str
    parse: Callable[[str, frozenset[str]], Any]


def _names(text: str, providers: frozenset[str]) -> tuple[str, ...]:
    """A comma list of providers; repeated ones count once."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",")))
    for name in names:
        if name not in providers:
            raise ValueError(f"no provider '{name[:64]}'; allowed: {', '.join(sorted(providers))}")
    if len(names) > MAX_NAMES:
        raise ValueError(f"more than {MAX_NAMES} names")
    return names


def _strategy(text: str, providers: frozenset[str]) -> str:
    if text not in STRATEGIES:
        raise ValueError(f"no strategy '{text[:64]}'; allowed: {', '.join(STRATEGIES)}")
    return text


FIELDS: Mapping[str, _Field] = {
    "X-Provider": _Field("only", _names),
    "X-Provider-Preference": _Field("preference", _names),
    "X-Provider-Fallbacks": _Field("fallbacks", _names),
    "X-Routing-Strategy": _Field("strategy", _strategy),
}

PLANNED = (
    "X-Include-Providers", "X-Exclude-Providers", "X-User-Region", "X-Max-Latency-Ms", "X-Provider-Regions",
    "X-Data-Residency", "X-Max-Cost-Per-Request", "X-Performance-Metric", "X-Performance-Window",
    "X-Load-Balance-Strategy", "X-Load-Balance-Providers", "X-Provider-Weights", "X-Retry-On-Provider-Error",
    "X-Max-Provider-Retries", "X-Failover-Config", "X-Google-Safety-Settings", "X-Session-Id", "X-Route-Explain",
)  # fmt: skip
"""Refused, not ignored: a request that asks for EU residency must not be served as if it had not."""

_MEMBERS = {header.removeprefix("X-").replace("-", "_").lower(): header for header in (*FIELDS, *PLANNED)}


def asked_in_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The control headers among a request's headers."""
    return {header: headers[header] for header in (*FIELDS, *PLANNED) if header in headers}


def asked_in_body(routing: Any) -> dict[str, str]:
    """The body's `routing` member as if its members had been headers; lists stand for comma lists."""
    if not isinstance(routing, Mapping):
        raise InvalidHeader("routing: expected an object with members such as provider_preference", param="routing")
    asked = {}
    for member, value in routing.items():
        if member not in _MEMBERS:
            allowed = ", ".join(sorted(_MEMBERS))
            raise InvalidHeader(
                f"routing.{member[:64]}: no such member; allowed: {allowed}", param=f"routing.{member[:64]}"
            )
        asked[_MEMBERS[member]] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return asked


def parse(asked: Mapping[str, str], providers: frozenset[str]) -> Policy:
    """The policy of these headers; InvalidHeader names the first one that is wrong and what it may say."""
    policy = Policy()
    for header, text in asked.items():
        if header not in FIELDS:
            raise InvalidHeader(f"{header} is not supported by this version; leave it out", param=header)
        field = FIELDS[header]
        try:
            policy = replace(policy, **{field.name: field.parse(text.strip(), providers)})
        except ValueError as error:
            raise InvalidHeader(f"{header}: {error}", param=header) from error
    return policy
