"""Who may serve at all: hard filters, each with the reason it gives.

What only the file and the caller's names decide is worked out once for all requests that ask alike, as a Field; what
depends on a request's size and parameters, and on what was counted, is looked at for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from math import inf
from typing import Any

from msgspec import Struct

from proxy.config.snapshot import Provider, Snapshot, Target
from proxy.dialects import DIALECTS
from proxy.dialects.hub.params import ESSENTIAL_PARAMS, essential_params
from proxy.routing import cost_ceiling
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.observations import MAX_TOKEN_RATIO
from proxy.telemetry.signals import Signal


class Exclusion(Struct, frozen=True):
    """A target that may not serve this request, and why; a provider alone, if it has no target for the model."""

    target: str | None
    provider: str
    reason: str


class EligibleTargets(Struct, frozen=True, eq=False):
    """Who may serve the requests that ask alike, as far as the file and the names they give decide it."""

    targets: tuple[Target, ...]
    excluded: tuple[Exclusion, ...]
    min_context_window: float
    """Tokens; infinity where none is known."""


ELIGIBILITY_CACHE_SIZE = 512
"""Fields kept for one file: names are the callers' choice."""


def eligible_targets(question: RoutingRequest, snapshot: Snapshot) -> EligibleTargets:
    """The field of a question, worked out when it is first asked for."""
    facts, policy = question.facts, question.policy
    asked = (
        facts.model, facts.endpoint, facts.needs, policy.provider, policy.include_providers, policy.exclude_providers,
        policy.provider_fallbacks, policy.provider_regions, policy.data_residency, policy.failover_config,
    )  # fmt: skip
    found: EligibleTargets | None = snapshot.memo.get(asked)
    if found is None:
        found = _field(question, snapshot)
        if found.targets:  # a name that nobody serves may be as long as a body
            _keep(asked, found, snapshot)
    return found


def _keep(asked: tuple[object, ...], found: EligibleTargets, snapshot: Snapshot) -> None:
    if len(snapshot.memo) >= ELIGIBILITY_CACHE_SIZE:
        snapshot.memo.clear()
    snapshot.memo[asked] = found


def _field(question: RoutingRequest, snapshot: Snapshot) -> EligibleTargets:
    targets, elsewhere = _targets(question, snapshot)
    reasons = [(target, static_exclusion(target, question)) for target in targets]
    barred = [Exclusion(target.id, target.provider.name, why) for target, why in reasons if why]
    left = tuple(target for target, why in reasons if not why)
    least = min((target.context_window for target in left if target.context_window is not None), default=inf)
    return EligibleTargets(left, (*_not_serving(question, snapshot, targets), *elsewhere, *barred), least)


def _targets(question: RoutingRequest, snapshot: Snapshot) -> tuple[tuple[Target, ...], list[Exclusion]]:
    """Who serves the model; where the request has a chain of its own with other models, who serves those, and who does not."""
    targets = snapshot.targets(question.facts.model)
    config = question.policy.failover_config
    if config is None:
        return targets, []
    chained = config.targets(question.facts.model, snapshot)
    ids = {target.id for target in chained}
    others = [target for target in targets if target.id not in ids]
    return chained, [Exclusion(each.id, each.provider.name, "not_in_failover_config") for each in others]


def _provider_exclusion(provider: Provider, question: RoutingRequest) -> str | None:
    """Why none of a provider's targets may serve; None if they may."""
    policy, name = question.policy, provider.name
    if provider.disabled_reason:
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


def _residency_exclusion(target: Target, question: RoutingRequest) -> str | None:
    return None if target.residency == question.policy.data_residency else "data_residency"


def _region_exclusion(target: Target, question: RoutingRequest) -> str | None:
    return None if target.region in question.policy.provider_regions else "not_in_provider_regions"


def _capability_exclusion(target: Target, question: RoutingRequest) -> str | None:
    lacking = sorted(question.facts.needs & target.unsupported)
    return f"lacks_{lacking[0]}" if lacking else None


def _context_window_filter(target: Target, question: RoutingRequest, signal: Signal) -> str | None:
    too_long = (
        target.context_window is not None and question.facts.prompt_tokens * signal.token_ratio > target.context_window
    )
    return "context_length" if too_long else None


def _cost_filter(target: Target, question: RoutingRequest, signal: Signal) -> str | None:
    if target.price is None:
        return "unknown_price"
    ceiling = question.policy.max_cost_per_request
    return None if ceiling is None or cost_ceiling.fit(target, question.facts, signal, ceiling) else "over_cost"


def static_exclusion(target: Target, question: RoutingRequest) -> str | None:
    """Why a target may not serve this request, nor any that asks alike; None if it may."""
    policy = question.policy
    return (
        _provider_exclusion(target.provider, question)
        or (_residency_exclusion(target, question) if policy.data_residency is not None else None)
        or (_region_exclusion(target, question) if policy.provider_regions else None)
        or _capability_exclusion(target, question)
    )


Filter = Callable[[Target, RoutingRequest, Signal], str | None]


def request_filters(
    question: RoutingRequest, snapshot: Snapshot, least_context: float = 0.0, cheap: bool = False
) -> list[Filter]:
    """What this request's targets must pass besides, in the order in which a target's reason is looked for.

    Nothing has to be looked at for each where the least context of all takes the prompt, or even the dearest is cheap."""
    rules: list[Filter] = []
    if question.facts.prompt_tokens * MAX_TOKEN_RATIO > least_context:
        rules.append(_context_window_filter)
    if question.policy.max_cost_per_request is not None and not cheap:
        rules.append(_cost_filter)
    if params := question.body if snapshot.strict_params else essential_params(question.body):
        rules.append(_params_filter(params, snapshot.strict_params))
    return rules


_UNSUPPORTED = "unsupported_params: "
"""Begins the reason of a target that cannot express a parameter; the names follow."""
_MAX_NAMES = 10
_MAX_NAME_LENGTH = 64


def _params_filter(params: Mapping[str, Any], strict: bool) -> Filter:
    """Return the filter of targets that cannot express a parameter: any if `strict`, else only an essential one."""

    @cache  # once for all targets of one model, since a request may have any number of parameters
    def reason_for(dialect: str, model: str) -> str | None:
        names = [
            name for name in DIALECTS[dialect].unsupported_params(params, model) if strict or name in ESSENTIAL_PARAMS
        ]
        return _UNSUPPORTED + ", ".join(name[:_MAX_NAME_LENGTH] for name in names[:_MAX_NAMES]) if names else None

    return lambda target, question, signal: reason_for(target.provider.dialect, target.model)


def unsupported_param(reason: str) -> str | None:
    """The first parameter that a reason names as unsupported; None for any other reason."""
    return reason.removeprefix(_UNSUPPORTED).split(", ")[0] if reason.startswith(_UNSUPPORTED) else None


def per_request_exclusion(
    target: Target, question: RoutingRequest, signal: Signal, rules: Iterable[Filter]
) -> str | None:
    """Why a target may not serve this one request; None if it may."""
    return next((why for rule in rules if (why := rule(target, question, signal))), None)


def exclusion_reason(target: Target, question: RoutingRequest, signal: Signal, snapshot: Snapshot) -> str | None:
    """Why this one target may not serve; None if it may."""
    return static_exclusion(target, question) or per_request_exclusion(
        target, question, signal, request_filters(question, snapshot)
    )


def _not_serving(question: RoutingRequest, snapshot: Snapshot, targets: tuple[Target, ...]) -> list[Exclusion]:
    """Providers that a hard list names, and that do not serve the model at all."""
    policy = question.policy
    if not (policy.provider or policy.include_providers or policy.provider_fallbacks or policy.failover_config):
        return []
    serving = {target.provider.name for target in targets}
    chain = policy.failover_config.providers if policy.failover_config else ()
    named = dict.fromkeys((*policy.provider, *policy.include_providers, *policy.provider_fallbacks, *chain))
    return [Exclusion(None, name, "model_not_served") for name in named if name not in serving]
