"""Who may serve at all: hard filters, each with the reason it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.config.snapshot import Snapshot, Target
from proxy.dialects import DIALECTS
from proxy.routing import costs
from proxy.routing.question import Question
from proxy.telemetry.signals import Signal


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A target that may not serve this request, and why; a provider alone, if it has no target for the model."""

    target: str | None
    provider: str
    reason: str


def _disabled(target: Target, question: Question, signal: Signal) -> str | None:
    return "disabled" if target.provider.disabled else None


def _endpoint(target: Target, question: Question, signal: Signal) -> str | None:
    paths = DIALECTS[target.provider.dialect].paths
    return None if question.facts.endpoint in paths else "endpoint_unsupported"


def _residency(target: Target, question: Question, signal: Signal) -> str | None:
    zone = question.policy.data_residency
    return None if zone is None or target.residency == zone else "data_residency"


def _lists(target: Target, question: Question, signal: Signal) -> str | None:
    policy, name = question.policy, target.provider.name
    if policy.provider and name not in policy.provider:
        return "not_in_provider"
    if policy.include_providers and name not in policy.include_providers:
        return "not_in_include_providers"
    if name in policy.exclude_providers:
        return "in_exclude_providers"
    if policy.provider_fallbacks and name not in policy.provider_fallbacks:
        return "not_in_provider_fallbacks"
    if policy.provider_regions and target.region not in policy.provider_regions:
        return "not_in_provider_regions"
    return None


def _capability(target: Target, question: Question, signal: Signal) -> str | None:
    lacking = sorted(question.facts.needs & target.lacks)
    return f"lacks_{lacking[0]}" if lacking else None


def _context(target: Target, question: Question, signal: Signal) -> str | None:
    if target.context is None:
        return None
    return "context_length" if costs.prompt_tokens(question.facts, signal) > target.context else None


def _cost(target: Target, question: Question, signal: Signal) -> str | None:
    ceiling = question.policy.max_cost_per_request
    if ceiling is None:
        return None
    if target.price is None:
        return "unknown_price"
    return None if costs.fit(target, question.facts, signal, ceiling) else "over_cost"


Filter = Callable[[Target, Question, Signal], str | None]

FILTERS: tuple[Filter, ...] = (_disabled, _endpoint, _residency, _lists, _capability, _context, _cost)
"""In the order in which a target's reason is looked for."""


def reason(target: Target, question: Question, signal: Signal) -> str | None:
    """Why this target may not serve; None if it may."""
    for rule in FILTERS:
        if found := rule(target, question, signal):
            return found
    return None


def strict(target: Target, question: Question) -> str | None:
    """For a file that asks it: which parameter this target cannot express."""
    dialect = DIALECTS[target.provider.dialect]
    unsupported = dialect.unsupported(question.body, target.model)
    return f"unsupported_params: {', '.join(unsupported)}" if unsupported else None


def absent(question: Question, snapshot: Snapshot, targets: tuple[Target, ...]) -> list[Exclusion]:
    """Providers that a hard list names, and that do not serve the model at all."""
    policy = question.policy
    serving = {target.provider.name for target in targets}
    chain = policy.failover_config.providers if policy.failover_config else ()
    named = dict.fromkeys((*policy.provider, *policy.include_providers, *policy.provider_fallbacks, *chain))
    return [Exclusion(None, name, "model_not_served") for name in named if name not in serving]
