"""The caller's error where every attempt has failed."""

from __future__ import annotations

from math import ceil

from proxy.errors import AllProvidersFailedError, EgressError, UpstreamError
from proxy.exchange import Exchange
from proxy.retry_after import parse_retry_after

_LIMITED = 429, "rate_limit_exceeded"
_IF_UNANIMOUS = {
    frozenset({"rate_limit"}): _LIMITED,
    frozenset({"rate_limit", "quota"}): _LIMITED,
    frozenset({"quota"}): (429, "insufficient_quota"),
    frozenset({"timeout"}): (504, "upstream_timeout"),
    frozenset({"not_found"}): (404, "model_not_found"),
    frozenset({"model_overloaded"}): (503, "server_is_overloaded"),
    frozenset({EgressError.code}): (502, EgressError.code),
}
"""Status and code if all attempts failed alike. Otherwise 502."""
_HOPELESS = frozenset({"quota", "auth_error", "not_found"})
"""Classes of failure that a retry within seconds cannot help."""
_ENOUGH_ATTEMPTS = 3
"""From so many failed attempts on, the retries of the caller's SDK would only add to the load."""


def all_failed(exchange: Exchange, failures: list[UpstreamError]) -> AllProvidersFailedError:
    """Return the error, with what was tried."""
    kinds = frozenset(EgressError.code if isinstance(each, EgressError) else each.trigger for each in failures)
    status, code = _IF_UNANIMOUS.get(kinds, (502, AllProvidersFailedError.code))
    tried = ", ".join(f"{attempt.step.target.id} ({attempt.outcome})" for attempt in exchange.attempts)
    return AllProvidersFailedError(
        f"no provider answered; tried {tried}; last error: {failures[-1].message}",
        status=status,
        code=code,
        attempts=[attempt.as_json() for attempt in exchange.attempts],
        headers=_headers(exchange, failures, kinds),
    )


def _headers(exchange: Exchange, failures: list[UpstreamError], kinds: frozenset[str]) -> dict[str, str]:
    """Return headers that make an SDK wait, or stop if retries cannot help. Otherwise its own back-off applies."""
    is_limited = _IF_UNANIMOUS.get(kinds) == _LIMITED
    if is_limited and (wait_s := _shortest_wait_s(exchange, failures)) is not None:
        return {"Retry-After": str(ceil(wait_s))}
    is_hopeless = kinds <= _HOPELESS or len(exchange.attempts) >= _ENOUGH_ATTEMPTS
    return {"x-should-retry": "false"} if is_hopeless else {}


def _shortest_wait_s(exchange: Exchange, failures: list[UpstreamError]) -> float | None:
    """Return the smallest wait that a provider asked for, else the shortest cooldown, or None without either."""
    runtime = exchange.runtime
    waits = [parse_retry_after(failure.headers, runtime.wall()) for failure in failures]
    if not any(waits):
        targets = [attempt.step.target.id for attempt in exchange.attempts]
        waits = [runtime.resilience.breakers.available_in_s(target, runtime.clock()) for target in targets]
    return min([wait for wait in waits if wait], default=None)
