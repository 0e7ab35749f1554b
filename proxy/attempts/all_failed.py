"""The caller's error where every attempt has failed."""

from __future__ import annotations

from math import ceil

from proxy.errors import AllProvidersFailedError, EgressError, UpstreamError
from proxy.exchange import Exchange
from proxy.retry_after import parse_retry_after

_IF_UNANIMOUS = {
    "rate_limit": (429, "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota"),
    "timeout": (504, "upstream_timeout"),
    "not_found": (404, "model_not_found"),
    "model_overloaded": (503, "server_is_overloaded"),
    EgressError.code: (502, EgressError.code),
}
"""Status and code if all attempts failed alike. Otherwise 502."""


def all_failed(exchange: Exchange, failures: list[UpstreamError]) -> AllProvidersFailedError:
    """Return the caller's error where every attempt has failed, with what was tried."""
    kinds = {EgressError.code if isinstance(failure, EgressError) else failure.trigger for failure in failures}
    mixed = 502, AllProvidersFailedError.code
    status, code = _IF_UNANIMOUS.get(kinds.pop(), mixed) if len(kinds) == 1 else mixed
    tried = ", ".join(f"{attempt.step.target.id} ({attempt.outcome})" for attempt in exchange.attempts)
    wall = exchange.runtime.wall()
    waits = [wait for failure in failures if (wait := parse_retry_after(failure.headers, wall))]
    headers = {"Retry-After": str(ceil(min(waits)))} if waits and status == 429 else {"x-should-retry": "false"}
    return AllProvidersFailedError(
        f"no provider answered; tried {tried}; last error: {failures[-1].message}",
        status=status,
        code=code,
        attempts=[attempt.as_json() for attempt in exchange.attempts],
        headers=headers,
    )
