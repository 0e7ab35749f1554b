"""Who may serve at all: hard filters, each with the reason it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.config.snapshot import Target
from proxy.routing.policy import Policy


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A target that may not serve this request, and why."""

    target: str
    provider: str
    reason: str


def _disabled(target: Target, policy: Policy) -> str | None:
    return "disabled" if target.provider.disabled else None


def _not_asked_for(target: Target, policy: Policy) -> str | None:
    return "not_in_x_provider" if policy.only and target.provider.name not in policy.only else None


def _not_in_chain(target: Target, policy: Policy) -> str | None:
    return "not_in_fallbacks" if policy.fallbacks and target.provider.name not in policy.fallbacks else None


Filter = Callable[[Target, Policy], str | None]

FILTERS: tuple[Filter, ...] = (_disabled, _not_asked_for, _not_in_chain)
"""In the order in which a target's reason is looked for."""


def screen(targets: tuple[Target, ...], policy: Policy) -> tuple[list[Target], list[Exclusion]]:
    """Those who may, and those who may not with the first reason found."""
    eligible, excluded = [], []
    for target in targets:
        reason = next((reason for rule in FILTERS if (reason := rule(target, policy))), None)
        if reason is None:
            eligible.append(target)
        else:
            excluded.append(Exclusion(target.id, target.provider.name, reason))
    return eligible, excluded
