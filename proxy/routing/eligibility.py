"""Who may serve at all: hard filters, each with the reason it gives."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from proxy.config.snapshot import Provider, Snapshot, Target
from proxy.dialects import DIALECTS
from proxy.routing import costs
from proxy.routing.question import Question
from proxy.telemetry.signals import Signal


class Exclusion(Struct, frozen=True):
    """A target that may not serve this request, and why; a provider alone, if it has no target for the model."""

    target: str | None
    provider: str
    reason: str


def of_provider(provider: Provider, question: Question) -> str | None:
    """Why none of a provider's targets may serve; None if they may."""
    policy, name = question.policy, provider.name
    if provider.disabled:
        return "disabled"
    if question.facts.endpoint not in DIALECTS[provider.dialect].paths:
        return "endpoint_unsupported"
    if policy.provider and name not in policy.provider:
        return "not_in_provider"
    if policy.include_providers and name not in policy.include_providers:
        return "not_in_include_providers"
    if name in policy.exclude_providers:
        return "in_exclude_providers"
    if policy.provider_fallbacks and name not in policy.provider_fallbacks:
        return "not_in_provider_fallbacks"
    return None


def _residency(target: Target, question: Question, signal: Signal) -> str | None:
    return None if target.residency == question.policy.data_residency else "data_residency"


def _region(target: Target, question: Question, signal: Signal) -> str | None:
    return None if target.region in question.policy.provider_regions else "not_in_provider_regions"


def _capability(target: Target, question: Question, signal: Signal) -> str | None:
    lacking = sorted(question.facts.needs & target.lacks)
    return f"lacks_{lacking[0]}" if lacking else None


def _context(target: Target, question: Question, signal: Signal) -> str | None:
    too_long = target.context is not None and question.facts.prompt_tokens * signal.token_ratio > target.context
    return "context_length" if too_long else None


def _cost(target: Target, question: Question, signal: Signal) -> str | None:
    if target.price is None:
        return "unknown_price"
    ceiling = question.policy.max_cost_per_request
    return None if ceiling is None or costs.fit(target, question.facts, signal, ceiling) else "over_cost"


def _params(target: Target, question: Question, signal: Signal) -> str | None:
    unsupported = DIALECTS[target.provider.dialect].unsupported(question.body, target.model)
    return f"unsupported_params: {', '.join(unsupported)}" if unsupported else None


Filter = Callable[[Target, Question, Signal], str | None]


def filters(question: Question, snapshot: Snapshot) -> tuple[Filter, ...]:
    """What this request's targets must pass, in the order in which a target's reason is looked for."""
    policy = question.policy
    asked = (
        (_residency, policy.data_residency is not None),
        (_region, bool(policy.provider_regions)),
        (_capability, bool(question.facts.needs)),
        (_context, True),
        (_cost, policy.max_cost_per_request is not None),
        (_params, snapshot.strict_params),
    )
    return tuple(rule for rule, matters in asked if matters)


def reason(target: Target, question: Question, signal: Signal, snapshot: Snapshot) -> str | None:
    """Why this one target may not serve; None if it may."""
    found = (rule(target, question, signal) for rule in filters(question, snapshot))
    return of_provider(target.provider, question) or next((why for why in found if why), None)


def absent(question: Question, snapshot: Snapshot, targets: tuple[Target, ...]) -> list[Exclusion]:
    """Providers that a hard list names, and that do not serve the model at all."""
    policy = question.policy
    if not (policy.provider or policy.include_providers or policy.provider_fallbacks or policy.failover_config):
        return []
    serving = {target.provider.name for target in targets}
    chain = policy.failover_config.providers if policy.failover_config else ()
    named = dict.fromkeys((*policy.provider, *policy.include_providers, *policy.provider_fallbacks, *chain))
    return [Exclusion(None, name, "model_not_served") for name in named if name not in serving]
