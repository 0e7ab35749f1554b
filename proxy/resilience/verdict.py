"""How an attempt ended, and what that means: one table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from proxy.errors import Disconnected, UpstreamFailure
from proxy.resilience.retry_after import retry_after

SOON = 0.3
"""Seconds that a retry `soon` waits at most."""
LONG = 300.0
"""Seconds that a target without quota is left alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a failure."""

    moves_on: bool
    """Whether another target may do better; if not, the provider's word is the caller's answer."""
    run: Literal["grows", "stays", "ends"] = "stays"
    """What becomes of the target's failures in a row."""
    ratio: Literal["failure", "success"] | None = None
    """How it counts in the target's success ratio, and for a probe; None: it says nothing of the target."""
    fault: bool = False
    """Whether it counts against the target's uptime."""
    again: Literal["soon", "told"] | None = None
    """Whether the same target may be tried once more: after a random part of `SOON`, or after `cooldown`."""
    cools: Literal["told", "doubling", "third"] | None = None
    """Whether the target is left alone: for `cooldown`; ever longer each time; or at the third such failure."""
    cooldown: float = 0.0
    """Seconds, where they are known."""


_HARD = Verdict(True, run="grows", ratio="failure", fault=True)
_MISFIT = Verdict(False)

VERDICTS = {
    "connection_error": _HARD,
    "timeout": _HARD,
    "server_error": _HARD,
    "model_overloaded": _HARD,
    "rate_limit": Verdict(True, ratio="failure", cools="doubling"),
    "quota": Verdict(True, fault=True, cools="told", cooldown=LONG),
    "auth_error": Verdict(True, fault=True, cools="third"),  # our own key is at fault, not the caller's
    "not_found": Verdict(True),  # another target may know the model by another name
    "context_length": _MISFIT,
    "content_filter": Verdict(False, run="ends", ratio="success"),  # whoever can refuse is well
    "invalid_request": _MISFIT,
}
"""By the failure's class, as far as the class alone decides."""

_LOCAL = Verdict(True)
"""This machine's own trouble: another target may be reachable, and none is to blame."""

_PASSING = frozenset({500, 502, 503})
_ANSWERED = frozenset({"server_error", "model_overloaded", "timeout", "rate_limit"})


def judge(failure: UpstreamFailure, *, after_content: bool = False, wall: float | None = None) -> Verdict:
    """The verdict on one failed attempt; `wall` is the time a Retry-After that is a date is held against."""
    if failure.is_local:
        return _LOCAL
    verdict = VERDICTS[failure.trigger]
    told = retry_after(failure.headers, wall) if failure.trigger in _ANSWERED else None
    if told is not None:
        verdict = replace(verdict, cools="told", cooldown=told)
    if after_content:
        return replace(verdict, moves_on=False)
    return replace(verdict, again=_again(failure, told))


def _again(failure: UpstreamFailure, told: float | None) -> Literal["soon", "told"] | None:
    """What fails alone often does not fail twice; what was silent, overloaded or out of reach does."""
    if failure.trigger == "rate_limit":
        return None if told is None else "told"
    passing = isinstance(failure, Disconnected) or (
        failure.trigger == "server_error" and failure.upstream_status in _PASSING
    )
    return "soon" if passing and (told or 0.0) <= SOON else None
