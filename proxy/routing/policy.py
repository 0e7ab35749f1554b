"""What a request asks of the routing: its X- headers, or its body's `routing` member, as one frozen Policy."""

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
    """All of it optional; empty means that the file decides. The names are the headers', in the body's spelling."""

    provider: tuple[str, ...] = ()
    include_providers: tuple[str, ...] = ()
    exclude_providers: tuple[str, ...] = ()
    provider_regions: tuple[str, ...] = ()
    data_residency: str | None = None
    max_cost_per_request: float | None = None
    """USD."""
    provider_preference: tuple[str, ...] = ()
    provider_fallbacks: tuple[str, ...] = ()
    routing_strategy: str | None = None
    user_region: str | None = None
    max_latency_ms: float | None = None
    performance_metric: str | None = None
    performance_window: float = 300.0
    """Seconds."""
    load_balance_strategy: str | None = None
    load_balance_providers: tuple[str, ...] = ()
    provider_weights: tuple[tuple[str, int], ...] = ()
    failover_config: FailoverConfig | None = None
    retry_on_provider_error: bool = True
    max_provider_retries: int | None = None
    session_id: str | None = None
    route_explain: bool = False
    dialect_options: Mapping[str, Any] = field(default_factory=dict)
    """What the headers of single dialects ask for; see `Dialect.headers`."""

    def as_json(self) -> dict[str, Any]:
        """What was asked for, as understood; what was not is left out."""
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
"""Each control header, and how its text is read."""

DIALECT_HEADERS = {header: named for dialect in DIALECTS.values() for header, named in dialect.control_headers.items()}
"""Those of single dialects."""

_ALL_HEADERS = (*HEADERS, *DIALECT_HEADERS)
_CANONICAL_NAMES = {header.lower(): header for header in _ALL_HEADERS}


def member_name(header: str) -> str:
    """A header's name in the body's `routing`: `X-Provider-Weights` is `provider_weights`."""
    return header.removeprefix("X-").replace("-", "_").lower()


MEMBERS: Mapping[str, str] = {member_name(header): header for header in _ALL_HEADERS}
_MEMBER_OF_HEADER = {header: name for name, header in MEMBERS.items()}


def extract_control_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The control headers among a request's headers; one that comes in several lines is a comma list (RFC 9110, 5.3)."""
    lines: dict[str, list[str]] = {}
    for name, text in headers.items():
        if header := _CANONICAL_NAMES.get(name.lower()):
            lines.setdefault(header, []).append(text)
    return {header: ",".join(lines[header]) for header in _ALL_HEADERS if header in lines} if lines else {}


def control_headers_from_body(routing: Any) -> dict[str, str]:
    """The body's `routing` as if its members had been headers: lists stand for comma lists, objects for JSON."""
    if not isinstance(routing, Mapping):
        raise InvalidHeaderError(
            "routing: expected an object with members such as provider_preference", param="routing"
        )
    asked = {}
    for name, value in routing.items():
        if name not in MEMBERS:
            where = f"routing.{name[:64]}"
            raise InvalidHeaderError(f"{where}: no such member; allowed: {', '.join(sorted(MEMBERS))}", param=where)
        if value is not None:
            asked[MEMBERS[name]] = _header_text(value)
    return asked


def _header_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(map(str, value))
    return orjson.dumps(value).decode()


def parse_policy(asked: Mapping[str, str], snapshot: Snapshot) -> Policy:
    """The policy of these headers; InvalidHeaderError names the first one that is wrong, its value, and what it may say."""
    return _parse_cached(tuple(asked.items()), snapshot.known_names) if asked else EMPTY_POLICY


EMPTY_POLICY = Policy()


@lru_cache(maxsize=256)
def _parse_cached(asked: tuple[tuple[str, str], ...], known: KnownNames) -> Policy:
    values: dict[str, Any] = {}
    extras: dict[str, Any] = {}
    for header, text in asked:
        if header in DIALECT_HEADERS:
            extras[DIALECT_HEADERS[header][0]] = _parse_header(header, text, known)
        else:
            values[_MEMBER_OF_HEADER[header]] = _parse_header(header, text, known)
    return replace(EMPTY_POLICY, **values, dialect_options=extras)


@lru_cache(maxsize=1024)
def _parse_header(header: str, text: str, known: KnownNames) -> Any:
    """One header's value: most stay the same where another, such as the session's name, is new with every request."""
    try:
        text = header_parsers.validate_text(text)
        return DIALECT_HEADERS[header][1](text) if header in DIALECT_HEADERS else HEADERS[header](text, known)
    except ValueError as error:
        raise InvalidHeaderError(f"{header}: {error}", param=header) from error
    except RecursionError as error:
        raise InvalidHeaderError(f"{header}: nested too deeply", param=header) from error
