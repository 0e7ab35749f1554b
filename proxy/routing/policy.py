"""The routing options of a request: its X- headers, or its body's `routing` member, as one immutable Policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import orjson

from proxy.config.snapshot import KnownNames, Snapshot
from proxy.dialects import DIALECTS
from proxy.errors import InvalidHeaderError
from proxy.routing import failover_config, header_parsers
from proxy.routing.failover_config import FailoverConfig


@dataclass(frozen=True, slots=True)
class Policy:
    """The routing options of a request. Every field is optional. Names are those of the body member `routing`."""

    provider: tuple[str, ...] = ()
    """Only these providers."""
    include_providers: tuple[str, ...] = ()
    """Only these providers."""
    exclude_providers: tuple[str, ...] = ()
    """None of these providers."""
    provider_regions: tuple[str, ...] = ()
    """Only targets in these regions."""
    data_residency: str | None = None
    """Only targets in this residency zone."""
    max_cost_per_request: float | None = None
    """Only targets whose worst-case cost in USD is not above this."""
    provider_preference: tuple[str, ...] = ()
    """These providers first, in this order, then the others by strategy."""
    provider_fallbacks: tuple[str, ...] = ()
    """Only these providers, in this order."""
    routing_strategy: str | None = None
    """The order of targets."""
    user_region: str | None = None
    """Location of the user, by default that of the sidecar."""
    max_latency_ms: float | None = None
    """Targets whose observed median latency is higher come after the others."""
    performance_metric: str | None = None
    """What the strategy `performance` compares. By default `ttft` for streams, else `latency`."""
    performance_window: float = 300.0  # seconds, in whole buckets
    """Period of the measurements, `10s` to `60m`. By default `5m`."""
    load_balance_strategy: str | None = None
    """How the first place is distributed."""
    load_balance_providers: tuple[str, ...] = ()
    """The providers that share the first place."""
    provider_weights: tuple[tuple[str, int], ...] = ()
    """Share of each provider in the first place: whole numbers from 0 to 1,000,000."""
    failover_config: FailoverConfig | None = None
    """Only the providers of this chain, with the failures that lead to each."""
    retry_on_provider_error: bool = True
    """`false`: exactly one attempt."""
    max_provider_retries: int | None = None
    """Attempts after the first."""
    session_id: str | None = None
    """The target that last served this session comes first."""
    route_explain: bool = False
    """Whether the response contains the routing decision."""
    dialect_options: Mapping[str, Any] = field(default_factory=dict)
    """Values of the headers that only one dialect reads, by option name. See `Dialect.control_headers`."""
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The levels of the file and of the request that each member comes from. Empty if all come from the request."""
    conflicts: tuple[str, ...] = ()
    """Members that no value satisfies, because the levels contradict each other."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, as a value for JSON."""
        empty = Policy()
        names = (name for name in MEMBERS if getattr(self, name, None) != getattr(empty, name, None))
        return {name: _to_json(getattr(self, name)) for name in names}


def _to_json(value: Any) -> Any:
    if isinstance(value, FailoverConfig):
        return {"providers": value.providers}
    return dict(value) if value and isinstance(value, tuple) and isinstance(value[0], tuple) else value


HEADERS: Mapping[str, Callable[[str, KnownNames], Any]] = {
    "X-Provider": header_parsers.providers,
    "X-Include-Providers": header_parsers.providers,
    "X-Exclude-Providers": header_parsers.providers,
    "X-Provider-Regions": header_parsers.regions,
    "X-Data-Residency": header_parsers.zone,
    "X-Max-Cost-Per-Request": header_parsers.positive,
    "X-Provider-Preference": header_parsers.providers,
    "X-Provider-Fallbacks": header_parsers.providers,
    "X-Routing-Strategy": header_parsers.strategy,
    "X-User-Region": header_parsers.user_region,
    "X-Max-Latency-Ms": header_parsers.positive,
    "X-Performance-Metric": header_parsers.metric,
    "X-Performance-Window": header_parsers.window,
    "X-Load-Balance-Strategy": header_parsers.balancing_mode,
    "X-Load-Balance-Providers": header_parsers.providers,
    "X-Provider-Weights": header_parsers.weights,
    "X-Failover-Config": failover_config.parse_failover_config,
    "X-Retry-On-Provider-Error": header_parsers.boolean,
    "X-Max-Provider-Retries": header_parsers.retries,
    "X-Session-Id": header_parsers.session,
    "X-Route-Explain": header_parsers.boolean,
}
"""Each control header with the parser of its value. Parsers raise ValueError with what is allowed."""

DIALECT_HEADERS = {
    header: option for dialect in DIALECTS.values() for header, option in dialect.control_headers.items()
}
"""Control headers that only one dialect reads: header -> (option name, parser)."""

_ALL_HEADERS = (*HEADERS, *DIALECT_HEADERS)
_CANONICAL_NAMES = {header.lower(): header for header in _ALL_HEADERS}


def member_name(header: str) -> str:
    """Return a header's name in the body member `routing`: `X-Provider-Weights` is `provider_weights`."""
    return header.removeprefix("X-").replace("-", "_").lower()


MEMBERS: Mapping[str, str] = {member_name(header): header for header in _ALL_HEADERS}
_MEMBER_OF_HEADER = {header: name for name, header in MEMBERS.items()}


def extract_control_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the control headers in their canonical spelling. Several lines of one are joined by commas (RFC 9110, 5.3)."""
    if not _has_control_headers(tuple(headers)):
        return {}
    lines: dict[str, list[str]] = {}
    for name, text in headers.items():
        if header := _CANONICAL_NAMES.get(name.lower()):
            lines.setdefault(header, []).append(text)
    return {header: ",".join(lines[header]) for header in _ALL_HEADERS if header in lines}


@lru_cache(maxsize=128)
def _has_control_headers(names: tuple[str, ...]) -> bool:
    """Return whether one of these headers is a control header. A caller sends the same ones with most requests."""
    return any(name.lower() in _CANONICAL_NAMES for name in names)


def control_headers_from_body(routing: Any) -> dict[str, str]:
    """Return the body member `routing` as control headers: a list becomes a comma list, an object JSON.

    Raises InvalidHeaderError for another type than an object, and for an unknown member.
    """
    if not isinstance(routing, Mapping):
        raise InvalidHeaderError(
            "routing: expected an object with members such as provider_preference", param="routing"
        )
    headers = {}
    for name, value in routing.items():
        if name not in MEMBERS:
            where = f"routing.{name[:64]}"
            raise InvalidHeaderError(f"{where}: no such member; allowed: {', '.join(sorted(MEMBERS))}", param=where)
        if value is not None:
            headers[MEMBERS[name]] = _header_text(value)
    return headers


def _header_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(map(str, value))
    return orjson.dumps(value).decode()


def parse_policy(control_headers: Mapping[str, str], snapshot: Snapshot) -> Policy:
    """Return the policy of these headers. Raises InvalidHeaderError for the first invalid one, with what is allowed."""
    items = tuple(control_headers.items())
    return parse_control_headers(items, snapshot.known_names) if items else EMPTY_POLICY


def all_control_headers(body: Mapping[str, Any], control_headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the control headers of a request, and those of its body member `routing`. A header wins over the member."""
    routing = body.get("routing")
    return control_headers if routing is None else {**control_headers_from_body(routing), **control_headers}


EMPTY_POLICY = Policy()

ControlHeaders = tuple[tuple[str, str], ...]
"""Control headers in their canonical spelling, with their texts."""


@lru_cache(maxsize=256)
def parse_control_headers(control_headers: ControlHeaders, known: KnownNames) -> Policy:
    """Return the policy of these headers. Raises InvalidHeaderError as `parse_policy` does."""
    values: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for header, text in control_headers:
        if header in DIALECT_HEADERS:
            options[DIALECT_HEADERS[header][0]] = _parse_header(header, text, known)
        else:
            values[_MEMBER_OF_HEADER[header]] = _parse_header(header, text, known)
    return replace(EMPTY_POLICY, **values, dialect_options=options)


@lru_cache(maxsize=1024)
def _parse_header(header: str, text: str, known: KnownNames) -> Any:
    """Return the value of one header. Cached by header, as most stay the same while X-Session-Id differs by request."""
    try:
        text = header_parsers.validate_text(text)
        return DIALECT_HEADERS[header][1](text) if header in DIALECT_HEADERS else HEADERS[header](text, known)
    except ValueError as error:
        raise InvalidHeaderError(f"{header}: {error}", param=header) from error
    except RecursionError as error:
        raise InvalidHeaderError(f"{header}: nested too deeply", param=header) from error
