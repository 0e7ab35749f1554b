"""Response classification: what follows from each class of failure, in one table.

Failover, retries, circuit breaker, cooldown and uptime all read the class from here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from proxy.errors import UpstreamDisconnected, UpstreamError
from proxy.retry_after import parse_retry_after

MAX_JITTER_S = 0.3
"""A retry of the same target waits a random time of at most this long."""
QUOTA_COOLDOWN_S = 300.0


@dataclass(frozen=True, slots=True)
class Classification:
    """What follows from a failed attempt."""

    fails_over: bool
    """Whether another target is tried. If not, the provider's error goes to the caller."""
    consecutive: Literal["increment", "keep", "reset"] = "keep"
    """Effect on the target's consecutive failures."""
    counts_as: Literal["failure", "success"] | None = None
    """How it counts in the breaker's success rate, and for its trial attempt, or None if it is not counted."""
    fault: bool = False
    """Whether it counts against the target's uptime."""
    retry_same: Literal["jittered", "retry_after"] | None = None
    """Whether the same target may be retried: after up to `MAX_JITTER_S`, or after `cooldown_s`."""
    cooldown_rule: Literal["retry_after", "exponential", "third_strike"] | None = None
    """Whether the target cools down: for `cooldown_s`, for twice as long each time, or at the third failure of this kind."""
    cooldown_s: float = 0.0
    elsewhere_first: bool = False
    """Whether another target is tried before the same one."""


_TARGET_FAULT = Classification(True, consecutive="increment", counts_as="failure", fault=True)
_CALLER_ERROR = Classification(False)

CLASSIFICATIONS = {
    "connection_error": _TARGET_FAULT,
    "timeout": _TARGET_FAULT,
    "server_error": _TARGET_FAULT,
    "model_overloaded": _TARGET_FAULT,
    "rate_limit": Classification(True, counts_as="failure", cooldown_rule="exponential"),
    "quota": Classification(True, fault=True, cooldown_rule="retry_after", cooldown_s=QUOTA_COOLDOWN_S),
    # The sidecar's own key was rejected, not the caller's.
    "auth_error": Classification(True, fault=True, cooldown_rule="third_strike"),
    # Another target may serve the model under another name.
    "not_found": Classification(True),
    "context_length": _CALLER_ERROR,
    # A target that rejects content is working.
    "content_filter": Classification(False, consecutive="reset", counts_as="success"),
    "invalid_request": _CALLER_ERROR,
}
"""By the failure's trigger, as far as the trigger alone decides. `classify` adds the rest."""

_LOCAL = Classification(True)
"""A failure of this machine, such as no route: another target may be reachable, and none is at fault."""

_TRANSIENT_STATUSES = frozenset({500, 502, 503})
_RETRY_AFTER_TRIGGERS = frozenset({"server_error", "model_overloaded", "timeout", "rate_limit"})
"""Failures whose Retry-After is respected."""


def classify(failure: UpstreamError, *, after_content: bool = False, wall: float | None = None) -> Classification:
    """Classify one failed attempt.

    `after_content`: the first content had been sent, so neither failover nor retry is possible. `wall` is the time
    (seconds since 1970) that a Retry-After with a date is compared with.
    """
    if failure.is_local:
        return _LOCAL
    classification = CLASSIFICATIONS[failure.trigger]
    wait_s = parse_retry_after(failure.headers, wall) if failure.trigger in _RETRY_AFTER_TRIGGERS else None
    if wait_s is not None:
        classification = replace(classification, cooldown_rule="retry_after", cooldown_s=wait_s)
    if after_content:
        return replace(classification, fails_over=False)
    is_late = isinstance(failure, UpstreamDisconnected) and failure.is_late
    return replace(classification, retry_same=_retry_same(failure, wait_s), elsewhere_first=is_late)


def _retry_same(failure: UpstreamError, wait_s: float | None) -> Literal["jittered", "retry_after"] | None:
    """Retry after a lone server error or disconnect. A target that timed out or is overloaded would fail again."""
    if failure.trigger == "rate_limit":
        return None if wait_s is None else "retry_after"
    is_transient = isinstance(failure, UpstreamDisconnected) or (
        failure.trigger == "server_error" and failure.upstream_status in _TRANSIENT_STATUSES
    )
    return "jittered" if is_transient and (wait_s or 0.0) <= MAX_JITTER_S else None
