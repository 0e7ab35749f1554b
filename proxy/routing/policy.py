"""What a request asks of the routing: its X- headers, or its body's `routing` member, as one frozen Policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import orjson

from proxy.config.snapshot import Known, Snapshot
from proxy.dialects import DIALECTS
from proxy.errors import InvalidHeader
from proxy.routing import failover_config, reading
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
    extras: Mapping[str, Any] = field(default_factory=dict)
    """What the headers of single dialects ask for; see `Dialect.headers`."""

    def as_json(self) -> dict[str, Any]:
        """What was asked for, as understood; what was not is left out."""
        empty = Policy()
        names = (name for name in MEMBERS if getattr(self, name, None) != getattr(empty, name, None))
        return {name: _plain(getattr(self, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, FailoverConfig):
        return {"providers": value.providers}
    return dict(value) if value and isinstance(value, tuple) and isinstance(value[0], tuple) else value


HEADERS: Mapping[str, Callable[[str, Known], Any]] = {
    "X-Provider": reading.providers,
    "X-Include-Providers": reading.providers,
    "X-Exclude-Providers": reading.providers,
    "X-Provider-Regions": reading.regions,
    "X-Data-Residency": reading.zone,
    "X-Max-Cost-Per-Request": reading.positive,
    "X-Provider-Preference": reading.providers,
    "X-Provider-Fallbacks": reading.providers,
    "X-Routing-Strategy": reading.strategy,
    "X-User-Region": reading.user_region,
    "X-Max-Latency-Ms": reading.positive,
    "X-Performance-Metric": reading.metric,
    "X-Performance-Window": reading.window,
    "X-Load-Balance-Strategy": reading.balance,
    "X-Load-Balance-Providers": reading.providers,
    "X-Provider-Weights": reading.weights,
    "X-Failover-Config": failover_config.parse,
    "X-Retry-On-Provider-Error": reading.boolean,
    "X-Max-Provider-Retries": reading.retries,
    "X-Session-Id": reading.session,
    "X-Route-Explain": reading.boolean,
}
"""Each control header, and how its text is read."""

EXTRAS = {header: named for dialect in DIALECTS.values() for header, named in dialect.headers.items()}
"""Those of single dialects."""

_ALL = (*HEADERS, *EXTRAS)
_SPELLED = {header.lower(): header for header in _ALL}


def member(header: str) -> str:
    """A header's name in the body's `routing`: `X-Provider-Weights` is `provider_weights`."""
    return header.removeprefix("X-").replace("-", "_").lower()


MEMBERS: Mapping[str, str] = {member(header): header for header in _ALL}
_FIELDS = {header: name for name, header in MEMBERS.items()}


def asked_in_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The control headers among a request's headers; one that comes in several lines is a comma list (RFC 9110, 5.3)."""
    lines: dict[str, list[str]] = {}
    for name, text in headers.items():
        if header := _SPELLED.get(name.lower()):
            lines.setdefault(header, []).append(text)
    return {header: ",".join(lines[header]) for header in _ALL if header in lines} if lines else {}


def asked_in_body(routing: Any) -> dict[str, str]:
    """The body's `routing` as if its members had been headers: lists stand for comma lists, objects for JSON."""
    if not isinstance(routing, Mapping):
        raise InvalidHeader("routing: expected an object with members such as provider_preference", param="routing")
    asked = {}
    for name, value in routing.items():
        if name not in MEMBERS:
            where = f"routing.{name[:64]}"
            raise InvalidHeader(f"{where}: no such member; allowed: {', '.join(sorted(MEMBERS))}", param=where)
        if value is not None:
            asked[MEMBERS[name]] = _text(value)
    return asked


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(map(str, value))
    return orjson.dumps(value).decode()


def parse(asked: Mapping[str, str], snapshot: Snapshot) -> Policy:
    """The policy of these headers; InvalidHeader names the first one that is wrong, its value, and what it may say."""
    return _parsed(tuple(asked.items()), snapshot.known) if asked else NOTHING


NOTHING = Policy()


@lru_cache(maxsize=256)
def _parsed(asked: tuple[tuple[str, str], ...], known: Known) -> Policy:
    values: dict[str, Any] = {}
    extras: dict[str, Any] = {}
    for header, text in asked:
        if header in EXTRAS:
            extras[EXTRAS[header][0]] = _read(header, text, known)
        else:
            values[_FIELDS[header]] = _read(header, text, known)
    return replace(NOTHING, **values, extras=extras)


@lru_cache(maxsize=1024)
def _read(header: str, text: str, known: Known) -> Any:
    """One header's value: most stay the same where another, such as the session's name, is new with every request."""
    try:
        text = reading.checked(text)
        return EXTRAS[header][1](text) if header in EXTRAS else HEADERS[header](text, known)
    except ValueError as error:
        raise InvalidHeader(f"{header}: {error}", param=header) from error
    except RecursionError as error:
        raise InvalidHeader(f"{header}: nested too deeply", param=header) from error
