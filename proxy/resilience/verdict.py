"""How an attempt ended, and what that means: one table."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.errors import UpstreamFailure


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a failure."""

    moves_on: bool
    """Whether another target may do better; if not, the provider's word is the caller's answer."""


_ELSEWHERE = Verdict(moves_on=True)
_FINAL = Verdict(moves_on=False)

VERDICTS = {
    "connection_error": _ELSEWHERE,
    "timeout": _ELSEWHERE,
    "server_error": _ELSEWHERE,
    "model_overloaded": _ELSEWHERE,
    "rate_limit": _ELSEWHERE,
    "quota": _ELSEWHERE,
    "auth_error": _ELSEWHERE,  # our own key is at fault, not the caller's
    "not_found": _ELSEWHERE,  # another target may know the model by another name
    "context_length": _FINAL,
    "content_filter": _FINAL,
    "invalid_request": _FINAL,
}
"""By the failure's class."""


def judge(failure: UpstreamFailure) -> Verdict:
    """The verdict on one failed attempt."""
    return VERDICTS[failure.trigger]
