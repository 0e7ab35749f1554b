"""What targets refuse of a request: members that the dialect can leave out or rename, and those that it cannot."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Set

from msgspec import structs

from proxy.attempts.planner import NO_CANDIDATES, AttemptPlanner, Candidates
from proxy.dialects import DIALECTS
from proxy.errors import UpstreamError, UpstreamErrorResponse
from proxy.exchange import Attempt
from proxy.headers import strip_control_chars

_REFUSING = (400, 422)
_REFUSAL = re.compile(
    r"unsupported|not supported|does not support|unrecognized|unknown|unexpected|not (?:permitted|allowed|valid)|extra_forbidden",
    re.IGNORECASE,
)
"""Codes and messages about a member that is not accepted at all. Others are about its value."""


def refused_params(attempt: Attempt) -> Set[str]:
    """Return what the attempt's target does not take, by the file or because it has refused it before."""
    target, runtime = attempt.step.target, attempt.exchange.runtime
    return target.unsupported | runtime.resilience.refused_params.at(runtime.clock()).get(target.id, frozenset())


def avoidable_param(attempt: Attempt, status: int, error: UpstreamErrorResponse) -> str | None:
    """Return the member that an error is about, if the same target may serve the request without it."""
    if status not in _REFUSING or not _REFUSAL.search(f"{error.code} {error.message}"):
        return None
    body = attempt.provider_request.body
    sent = [
        name
        for name in DIALECTS[attempt.step.target.provider.dialect].avoidable_params - refused_params(attempt)
        if f'"{name}"'.encode() in body
    ]
    if error.param:
        return error.param if error.param in sent else None
    named = [name for name in sent if name in error.message]
    return min(named, key=error.message.find, default=None)


def without_refused(planner: AttemptPlanner, attempt: Attempt, failure: UpstreamError) -> Candidates:
    """Return the same target, to be sent no member that it has refused and can do without, and note that for later."""
    if not isinstance(failure, UpstreamErrorResponse) or failure.avoidable_param is None:
        return NO_CANDIDATES
    runtime, target, param = attempt.exchange.runtime, attempt.step.target, failure.avoidable_param
    if not runtime.resilience.accounts.is_outdated(target):
        runtime.resilience.refused_params.record(target.id, param, runtime.clock())
    without_param = dataclasses.replace(target, unsupported=target.unsupported | {param})
    return planner.again(structs.replace(attempt.step, target=without_param))


def refusal_warning(attempt: Attempt, param: str) -> str:
    """Return the warning that a model has refused a parameter and another target was tried."""
    printable = strip_control_chars(param)[:64].replace(",", " ").replace(";", " ")
    return f"rejected-by;provider={attempt.step.target.provider.name};param={printable}"
