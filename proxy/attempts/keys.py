"""The key of a pool that an attempt is made with: what its end says about the key, and whether another one may be tried."""

from __future__ import annotations

from proxy.attempts.capacity import has_room
from proxy.attempts.planner import NO_CANDIDATES, AttemptPlanner, Candidates
from proxy.dialects import DIALECTS
from proxy.exchange import Attempt
from proxy.messages import Headers
from proxy.resilience.key_pools import KEY_FAILURES
from proxy.resilience.rate_limit_headers import read_rate_limits
from proxy.telemetry.rate_limit_status import RateLimitStatus


def with_other_key(planner: AttemptPlanner, failed: Attempt) -> Candidates:
    """Return the same target once more if its failure counts against the key and another one of its pool may be tried."""
    if failed.key is None or failed.outcome not in KEY_FAILURES or not _has_other_key(failed):
        return NO_CANDIDATES
    return planner.again(failed.step)


def _has_other_key(attempt: Attempt) -> bool:
    """Return whether a key of the pool is available and was not used in this request."""
    exchange, provider = attempt.exchange, attempt.step.target.provider
    if exchange.continuation is not None and exchange.continuation.holder is not None:
        return False  # no other key holds what the request goes on from
    pools, now = exchange.runtime.resilience.key_pools, exchange.runtime.clock()
    used = {each.key for each in exchange.attempts if each.step.target.provider.name == provider.name}
    return any(
        key not in used and not pools.cooling_for_s(provider.name, key, now) and has_room(exchange, attempt.step, key)
        for key in pools.order(provider, now)
    )


def record_rate_limits(attempt: Attempt, headers: Headers) -> None:
    """Record the rate limits in a response's headers, whose names are in lower case.

    If nothing is left to a key of a pool, its account rests, not the target.
    """
    runtime, provider = attempt.exchange.runtime, attempt.step.target.provider
    now = runtime.clock()
    status = read_rate_limits(headers, runtime.wall(), now, DIALECTS[provider.dialect].rate_limit_headers)
    if attempt.key is not None and isinstance(status, RateLimitStatus) and status.is_exhausted:
        runtime.resilience.key_pools.hold(provider.name, attempt.key, status.resets_at - now, now)
    elif status is not None:
        attempt.recorder.record_rate_limits(status)
