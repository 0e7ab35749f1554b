"""How an attempt ended, and what that means: one table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from proxy.errors import UpstreamDisconnected, UpstreamError
from proxy.retry_after import parse_retry_after

MAX_JITTER_S = 0.3
"""Seconds that a retry `soon` waits at most."""
QUOTA_COOLDOWN_S = 300.0
"""Seconds that a target without quota is left alone."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What follows from a failure."""

    fails_over: bool
    """Whether another target may do better; if not, the provider's word is the caller's answer."""
    consecutive: Literal["increment", "keep", "reset"] = "keep"
    """What becomes of the target's failures in a row."""
    counts_as: Literal["failure", "success"] | None = None
    """How it counts in the target's success ratio, and for a probe; None: it says nothing of the target."""
    fault: bool = False
    """Whether it counts against the target's uptime."""
    retry_same: Literal["jittered", "retry_after"] | None = None
    """Whether the same target may be tried once more: after a random part of `MAX_JITTER_S`, or after `cooldown_s`."""
    cooldown_rule: Literal["retry_after", "exponential", "third_strike"] | None = None
    """Whether the target is left alone: for `cooldown_s`; ever longer each time; or at the third such failure."""
    cooldown_s: float = 0.0
    """Seconds, where they are known."""


_HARD = Classification(True, consecutive="increment", counts_as="failure", fault=True)
_MISFIT = Classification(False)

CLASSIFICATIONS = {
    "connection_error": _HARD,
    "timeout": _HARD,
    "server_error": _HARD,
    "model_overloaded": _HARD,
    "rate_limit": Classification(True, counts_as="failure", cooldown_rule="exponential"),
    "quota": Classification(True, fault=True, cooldown_rule="retry_after", cooldown_s=QUOTA_COOLDOWN_S),
    "auth_error": Classification(
        True, fault=True, cooldown_rule="third_strike"
    ),  # our own key is at fault, not the caller's
    "not_found": Classification(True),  # another target may know the model by another name
    "context_length": _MISFIT,
    "content_filter": Classification(False, consecutive="reset", counts_as="success"),  # whoever can refuse is well
    "invalid_request": _MISFIT,
}
"""By the failure's class, as far as the class alone decides."""

_LOCAL = Classification(True)
"""This machine's own trouble: another target may be reachable, and none is to blame."""

_PASSING = frozenset({500, 502, 503})
_ANSWERED = frozenset({"server_error", "model_overloaded", "timeout", "rate_limit"})


def classify(failure: UpstreamError, *, after_content: bool = False, wall: float | None = None) -> Classification:
    """The verdict on one failed attempt; `wall` is the time a Retry-After that is a date is held against."""
    if failure.is_local:
        return _LOCAL
    verdict = CLASSIFICATIONS[failure.trigger]
    told = parse_retry_after(failure.headers, wall) if failure.trigger in _ANSWERED else None
    if told is not None:
        verdict = replace(verdict, cooldown_rule="retry_after", cooldown_s=told)
    if after_content:
        return replace(verdict, fails_over=False)
    return replace(verdict, retry_same=_again(failure, told))


def _again(failure: UpstreamError, told: float | None) -> Literal["jittered", "retry_after"] | None:
    """What fails alone often does not fail twice; what was silent, overloaded or out of reach does."""
    if failure.trigger == "rate_limit":
        return None if told is None else "retry_after"
    passing = isinstance(failure, UpstreamDisconnected) or (
        failure.trigger == "server_error" and failure.upstream_status in _PASSING
    )
    return "jittered" if passing and (told or 0.0) <= MAX_JITTER_S else None
