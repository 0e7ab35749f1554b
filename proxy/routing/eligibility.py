"""Hard filters: which targets may serve a request, and for what reason each of the others may not.

Static filters read the snapshot and what a request's kind names (model, endpoint, capabilities, hard constraints). Their
result is an EligibleTargets, which the DecisionCache shares between requests. Per-request filters read the size of the
prompt, the cost ceiling and the parameters, and are applied to each request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache, partial
from math import inf
from typing import Any

from msgspec import Struct

from proxy.config.snapshot import Snapshot, Target
from proxy.dialects import DIALECTS
from proxy.routing.cost_ceiling import ADMITTED, Admission, CostCeiling
from proxy.routing.facts import Facts
from proxy.routing.media import NO_MEDIA
from proxy.routing.native import endpoint_exclusion, is_native, media_exclusion, without_hosted_tools
from proxy.routing.param_rules import CHAT, PARAM_RULES, ParamRules
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.observations import MAX_TOKEN_RATIO
from proxy.telemetry.signals import Signal


class Exclusion(Struct, frozen=True):
    """A target that may not serve the request, and why, or a provider that does not serve the model."""

    target: str | None
    provider: str
    reason: str


class EligibleTargets(Struct, frozen=True, eq=False):
    """The targets that pass the static filters, and the exclusions of the others."""

    targets: tuple[Target, ...]
    excluded: tuple[Exclusion, ...]
    min_context_window: float
    """Tokens, or infinity if no target's context window is known."""


EligibilityKey = tuple[object, ...]
"""Everything in a request that the static filters read."""


def eligibility_key(request: RoutingRequest) -> EligibilityKey:
    """Return the kind of the request: requests with equal keys have the same eligible targets."""
    facts, policy = request.facts, request.policy
    return (
        facts.model, facts.endpoint, facts.hub_endpoint, facts.unsupported_feature, facts.hosted_tools, facts.needs, facts.media,
        policy.provider, policy.include_providers, policy.exclude_providers,
        policy.provider_fallbacks, policy.provider_regions, policy.data_residency, policy.failover_config, policy.conflicts,
    )  # fmt: skip


def eligible_targets(request: RoutingRequest, snapshot: Snapshot) -> EligibleTargets:
    """Apply the static filters to every target of the model, or of the request's failover config."""
    targets, not_in_chain = _targets(request, snapshot)
    reasons = [(target, static_exclusion(target, request)) for target in targets]
    if request.facts.media is not NO_MEDIA:
        exclusion = partial(media_exclusion, facts=request.facts, fetches=snapshot.fetches_files)
        reasons = [(target, reason or exclusion(target.provider)) for target, reason in reasons]
    if request.facts.hosted_tools:
        reasons = without_hosted_tools(reasons, request.facts, snapshot.keeps_hosted_tools)
    excluded = [Exclusion(target.id, target.provider.name, reason) for target, reason in reasons if reason]
    eligible = tuple(target for target, reason in reasons if not reason)
    min_context_window = min(
        (target.context_window for target in eligible if target.context_window is not None), default=inf
    )
    not_serving = _not_serving(request, snapshot, targets)
    return EligibleTargets(eligible, (*not_serving, *not_in_chain, *excluded), min_context_window)


def _targets(request: RoutingRequest, snapshot: Snapshot) -> tuple[tuple[Target, ...], list[Exclusion]]:
    """Return the targets to filter, and the exclusions of those that a failover config leaves out.

    A failover config names the chain's providers and may map the model to another for each of them.
    """
    targets = snapshot.targets(request.facts.model)
    config = request.policy.failover_config
    if config is None:
        return targets, []
    chain = config.targets(request.facts.model, snapshot)
    ids = {target.id for target in chain}
    others = [target for target in targets if target.id not in ids]
    return chain, [Exclusion(each.id, each.provider.name, "not_in_failover_config") for each in others]


def static_exclusion(target: Target, request: RoutingRequest) -> str | None:
    """Return why no request of this kind may be served by the target, or None if it may."""
    policy = request.policy
    return (
        _provider_exclusion(target, request)
        or (_residency_exclusion(target, request) if policy.data_residency is not None else None)
        or (_region_exclusion(target, request) if policy.provider_regions else None)
        or _capability_exclusion(target, request)
    )


def _provider_exclusion(target: Target, request: RoutingRequest) -> str | None:
    """Return why the target's provider may not serve, or None if it may."""
    policy, name = request.policy, target.provider.name
    if target.provider.disabled_reason:
        return "disabled"
    if policy.conflicts:
        return "policy_conflict"
    if reason := endpoint_exclusion(target, request.facts):
        return reason
    if policy.provider and name not in policy.provider:
        return "not_in_provider"
    if policy.include_providers and name not in policy.include_providers:
        return "not_in_include_providers"
    if name in policy.exclude_providers:
        return "in_exclude_providers"
    if policy.provider_fallbacks and name not in policy.provider_fallbacks:
        return "not_in_provider_fallbacks"
    return None


def _residency_exclusion(target: Target, request: RoutingRequest) -> str | None:
    return None if target.residency == request.policy.data_residency else "data_residency"


def _region_exclusion(target: Target, request: RoutingRequest) -> str | None:
    return None if target.region in request.policy.provider_regions else "not_in_provider_regions"


def _capability_exclusion(target: Target, request: RoutingRequest) -> str | None:
    lacking = sorted(request.facts.needs & target.unsupported)
    return f"lacks_{lacking[0]}" if lacking else None


def _not_serving(request: RoutingRequest, snapshot: Snapshot, targets: tuple[Target, ...]) -> list[Exclusion]:
    """Return an exclusion for each provider that a hard list names and that has no target for the model."""
    policy = request.policy
    if not (policy.provider or policy.include_providers or policy.provider_fallbacks or policy.failover_config):
        return []
    serving = {target.provider.name for target in targets}
    chain = policy.failover_config.providers if policy.failover_config else ()
    names = dict.fromkeys((*policy.provider, *policy.include_providers, *policy.provider_fallbacks, *chain))
    return [Exclusion(None, name, "model_not_served") for name in names if name not in serving]


RequestCheck = Callable[[Target, Signal], Admission]


def request_check(request: RoutingRequest, snapshot: Snapshot, min_context_window: float = 0.0) -> RequestCheck | None:
    """Return the per-request filters as one function, or None if every target passes them.

    No target has to be checked for its context window if the prompt fits into `min_context_window` tokens at any token
    calibration.
    """
    facts, ceiling_usd = request.facts, request.policy.max_cost_per_request
    ceiling = None if ceiling_usd is None else CostCeiling(facts, ceiling_usd)
    rules = PARAM_RULES.get(facts.hub_endpoint or facts.endpoint, CHAT)
    params = request.body if snapshot.strict_params else rules.essential_of(request.body)
    tokens = facts.prompt_tokens if facts.longest_input_tokens is None else facts.longest_input_tokens
    may_be_too_long = tokens * MAX_TOKEN_RATIO > min_context_window
    if not may_be_too_long and not params:
        return ceiling.check if ceiling else None
    names = None if snapshot.strict_params else rules.essential
    params_exclusion = _params_exclusion(params, rules, names, facts) if params else None
    return _RequestFilters(tokens, ceiling, params_exclusion).check


class _RequestFilters(Struct, frozen=True):
    """The filters in the order in which a target's reason is looked for: context window, cost, parameters."""

    prompt_tokens: int
    ceiling: CostCeiling | None
    params_exclusion: Callable[[Target], str | None] | None

    def check(self, target: Target, signal: Signal) -> Admission:
        if target.context_window is not None and self.prompt_tokens * signal.token_ratio > target.context_window:
            return Admission("context_length")
        admission = self.ceiling.check(target, signal) if self.ceiling else ADMITTED
        if admission.exclusion is not None or self.params_exclusion is None:
            return admission
        reason = self.params_exclusion(target)
        return Admission(reason) if reason else admission


_UNSUPPORTED = "unsupported_params: "
"""Prefix of the reason of a target that cannot express a parameter. The parameters' names follow."""
_MAX_NAMES = 10
_MAX_NAME_LENGTH = 64


def _params_exclusion(
    params: Mapping[str, Any], rules: ParamRules, excluding: Set[str] | None, facts: Facts
) -> Callable[[Target], str | None]:
    """Return the filter of targets that cannot express a parameter: one of `excluding`, or any if that is None.

    A target that takes the caller's own format unchanged is asked nothing, where that is not the hub's.
    """

    @cache  # once for all targets of one model, since a request may have any number of parameters
    def reason_for(dialect: str, model: str, dropped: tuple[str, ...]) -> str | None:
        names = [
            name
            for name in rules.unsupported_of(DIALECTS[dialect])(params, model)
            if name not in dropped and (excluding is None or name in excluding)
        ]
        return unsupported_reason(names) if names else None

    def exclusion(target: Target) -> str | None:
        if facts.hub_endpoint and is_native(target.provider, facts):
            return None
        return reason_for(target.provider.dialect, target.rules_model, target.params.drop)

    return exclusion


def unsupported_reason(names: Sequence[str]) -> str:
    """Return the reason of a target that cannot take these parameters."""
    return _UNSUPPORTED + ", ".join(name[:_MAX_NAME_LENGTH] for name in names[:_MAX_NAMES])


def unsupported_param(reason: str) -> str | None:
    """Return the first parameter that a reason names as unsupported, or None for any other reason."""
    first = reason.removeprefix(_UNSUPPORTED).partition(", ")[0]
    return first.partition(" ")[0] if reason.startswith(_UNSUPPORTED) else None
