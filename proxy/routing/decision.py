"""The routing decision: filters the targets of a model, scores the candidates and ranks them into a plan.

A pure function of the request, the snapshot of routing.yaml and the signals: no clock, no I/O, and no randomness but the
request's seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from proxy.config.snapshot import Snapshot, Target
from proxy.routing.balancing import BalancedPick, balancing_mode, next_pick
from proxy.routing.candidates import delay_candidates, make_candidates
from proxy.routing.cost_ceiling import ADMITTED
from proxy.routing.decision_cache import CandidateSet, DecisionCache
from proxy.routing.eligibility import Exclusion, request_check
from proxy.routing.ranking import NO_OVERRIDES, OrderOverrides, preference_is_overridden, provider_chain, rank
from proxy.routing.refusals import refusal_exclusions
from proxy.routing.routing_request import RoutingRequest
from proxy.routing.strategies import STRATEGIES, StrategyInput
from proxy.telemetry.signals import Signals
from proxy.telemetry.window import round_up_to_buckets


class PlannedTarget(Struct, frozen=True):
    """One place in the plan: a target, and how it may be tried."""

    target: Target
    score: float
    """The strategy's sort key. Lower is better."""
    max_tokens: int | None = None
    """The number of tokens the answer is clamped to, so that the request stays under its cost ceiling."""
    available_in_ms: int = 0
    """Milliseconds until the target is available again: it is ejected, cooling down or at a rate limit."""


class Decision(Struct, frozen=True):
    """The targets to try, in order, and the excluded ones with their reasons."""

    model: str = ""
    strategy: str = ""
    plan: tuple[PlannedTarget, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    pick: BalancedPick | None = None
    """The balancer's pick, if it decided the first place. Live decisions record it."""
    window_s: float = 300.0
    """The window over which the targets' performance was measured."""
    warnings: tuple[str, ...] = ()
    """Values for X-Routing-Warnings."""

    def as_json(self) -> dict[str, Any]:
        """Return the decision as a value for JSON."""
        plan = [
            {
                "target": each.target.id,
                "provider": each.target.provider.name,
                "region": each.target.region,
                "model": each.target.model,
                "score": round(each.score, 6) if isfinite(each.score) else None,
                "priority": each.target.priority,
                "weight": each.target.configured_weight,
                **({"max_tokens": each.max_tokens} if each.max_tokens else {}),
                **({"available_in_ms": each.available_in_ms} if each.available_in_ms else {}),
            }
            for each in self.plan
        ]
        excluded = [{"target": each.target, "provider": each.provider, "reason": each.reason} for each in self.excluded]
        return {
            "model": self.model,
            "strategy": self.strategy,
            "window_s": round_up_to_buckets(self.window_s),
            "plan": plan,
            "excluded": excluded,
            **({"warnings": list(self.warnings)} if self.warnings else {}),
        }


def decide(
    request: RoutingRequest, snapshot: Snapshot, signals: Signals, cache: DecisionCache | None = None
) -> Decision:
    """Return the plan for a request, empty if no target may serve it. A cache saves time and changes nothing else."""
    cache = DecisionCache() if cache is None else cache
    cache.refresh(snapshot, signals.table)
    strategy = request.policy.routing_strategy or request.default_strategy

    # Filter: the candidates, the excluded targets, and the candidates whose answer has to be clamped.
    candidate_set, excluded, clamps = _filter(request, snapshot, signals, cache)

    # Score: one sort key per candidate.
    given = StrategyInput(request, candidate_set, signals.in_flight)
    scores = STRATEGIES[strategy](given)

    # Order: by score, after what the caller, the session or the balancer puts first.
    mode = balancing_mode(request)
    overrides = _order_overrides(request, mode, candidate_set, signals)
    available, unavailable = rank(given, scores, overrides)

    candidates = candidate_set.candidates
    plan = [PlannedTarget(candidates[index].target, scores[index]) for index in available]
    for index in unavailable:
        wait_ms = candidates[index].signal.available_in_ms
        plan.append(PlannedTarget(candidates[index].target, scores[index], available_in_ms=wait_ms))
    if clamps:
        plan = [replace(each, max_tokens=clamps.get(each.target.id)) for each in plan]
    name, window_s = mode or strategy, request.policy.performance_window
    overridden = preference_is_overridden(given, available, overrides) if overrides.preference else None
    warnings = (f"preference-overridden;provider={overridden};by=priority",) if overridden else ()
    return Decision(request.facts.model, name, tuple(plan), excluded, overrides.pick, window_s, warnings)


Filtered = tuple[CandidateSet, tuple[Exclusion, ...], Mapping[str, int]]
"""The candidates, the excluded targets, and by target id the tokens that answers are clamped to."""


def _filter(request: RoutingRequest, snapshot: Snapshot, signals: Signals, cache: DecisionCache) -> Filtered:
    """Apply the static filters (from the cache), the providers' rate limits and the per-request filters."""
    eligible = cache.eligible_targets(request)
    candidate_set = cache.candidates(eligible, request.policy.performance_window)
    if signals.limited_for_ms:
        candidate_set = CandidateSet(delay_candidates(candidate_set.candidates, signals.limited_for_ms))
    excluded = eligible.excluded
    if signals.refused_members and (refusing := refusal_exclusions(candidate_set.candidates, request, signals)):
        excluded = (*excluded, *refusing.values())
        others = [each for each in candidate_set.candidates if each.target.id not in refusing]
        candidate_set = CandidateSet(make_candidates((each.target, each.signal) for each in others))
    check = request_check(request, snapshot, eligible.min_context_window)
    if check is None:
        return candidate_set, excluded, {}
    admissions = [check(each.target, each.signal) for each in candidate_set.candidates]
    if admissions.count(ADMITTED) == len(admissions):
        return candidate_set, excluded, {}
    checked = list(zip(candidate_set.candidates, admissions, strict=True))
    found = [Exclusion(each.target.id, each.provider_name, why.exclusion) for each, why in checked if why.exclusion]
    clamps = {each.target.id: admission.max_tokens for each, admission in checked if admission.max_tokens}
    if found:
        admitted = [(each.target, each.signal) for each, admission in checked if not admission.exclusion]
        candidate_set = CandidateSet(make_candidates(admitted))
    return candidate_set, (*excluded, *found), clamps


def _order_overrides(
    request: RoutingRequest, mode: str | None, candidate_set: CandidateSet, signals: Signals
) -> OrderOverrides:
    """Return what comes before the scores. The balancer picks only where neither chain nor session has a first place."""
    chain, preference = provider_chain(request.policy), request.policy.provider_preference
    if mode is None and signals.sticky_target is None and not chain and not preference:
        return NO_OVERRIDES
    session_index = None if signals.sticky_target is None else candidate_set.available_index(signals.sticky_target)
    decides_first = (
        (session_index is not None and _is_leading(session_index, candidate_set))
        or not candidate_set.available_by_provider.keys().isdisjoint(chain)
        or not candidate_set.leading_by_provider.keys().isdisjoint(preference)
    )
    pick = None if decides_first or mode is None else next_pick(request, mode, candidate_set, signals.pick_counts)
    return OrderOverrides(chain, preference, session_index, pick)


def _is_leading(index: int, candidate_set: CandidateSet) -> bool:
    """Return whether a candidate has the lowest priority number of all available ones."""
    name = candidate_set.candidates[index].provider_name
    return index in candidate_set.leading_by_provider.get(name, ())
