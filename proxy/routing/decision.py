"""Who serves a request, in which order, and why: a pure function of the question, the file and the signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from proxy.config.snapshot import Snapshot, Target
from proxy.routing import cost_ceiling
from proxy.routing.balancing import BalancedPick, balancing_mode, next_pick
from proxy.routing.eligibility import (
    EligibleTargets,
    Exclusion,
    eligible_targets,
    per_request_exclusion,
    request_filters,
)
from proxy.routing.ranking import NO_OVERRIDES, OrderOverrides, provider_chain, rank
from proxy.routing.routing_request import RoutingRequest
from proxy.routing.strategies import STRATEGIES, Candidate, CandidateSet, StrategyInput
from proxy.telemetry.signals import Signal, Signals, SignalTable
from proxy.telemetry.window import round_up_to_buckets


class PlannedTarget(Struct, frozen=True, gc=False):
    """One place in the plan."""

    target: Target
    score: float
    """The strategy's key; smaller is better."""
    max_tokens: int | None = None
    """What the answer is cut to, so that it stays under the cost ceiling."""
    available_in_ms: int = 0
    """Why it stands behind the others: it is out, cooling or at a limit for so long."""


class Decision(Struct, frozen=True):
    """The plan, and who is not in it."""

    model: str = ""
    strategy: str = ""
    plan: tuple[PlannedTarget, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    pick: BalancedPick | None = None
    """The turn that the first place was given by; counted when the decision is acted on."""
    window_s: float = 300.0
    """Seconds over which targets were to be measured."""

    def as_json(self) -> dict[str, Any]:
        """The decision as a value for JSON."""
        plan = [
            {
                "target": step.target.id,
                "provider": step.target.provider.name,
                "region": step.target.region,
                "model": step.target.model,
                "score": round(step.score, 6) if isfinite(step.score) else None,
                **({"max_tokens": step.max_tokens} if step.max_tokens else {}),
                **({"available_in_ms": step.available_in_ms} if step.available_in_ms else {}),
            }
            for step in self.plan
        ]
        excluded = [{"target": each.target, "provider": each.provider, "reason": each.reason} for each in self.excluded]
        return {
            "model": self.model,
            "strategy": self.strategy,
            "window_s": round_up_to_buckets(self.window_s),
            "plan": plan,
            "excluded": excluded,
        }


def decide(question: RoutingRequest, snapshot: Snapshot, signals: Signals) -> Decision:
    """Filter, score, order; the plan is empty if nobody may serve."""
    policy = question.policy
    strategy, turns = policy.routing_strategy or question.default_strategy, balancing_mode(question)
    lineup, excluded, cheap = _screened(question, snapshot, signals)
    scene = StrategyInput(question, lineup, signals.in_flight)
    scores = dict(zip(lineup.candidates, STRATEGIES[strategy](scene), strict=True))
    lead = _order_overrides(question, lineup, signals, turns)
    available, rest = rank(scene, scores, lead)
    steps = [PlannedTarget(each.target, scores[each]) for each in available]
    steps += [PlannedTarget(each.target, scores[each], None, each.signal.available_in_ms) for each in rest]
    if not cheap:
        steps = [_cut(step, each, question) for step, each in zip(steps, available + rest, strict=True)]
    plan, window = tuple(steps), policy.performance_window
    return Decision(question.facts.model, turns or strategy, plan, excluded, lead.pick, window)


def _screened(
    question: RoutingRequest, snapshot: Snapshot, signals: Signals
) -> tuple[CandidateSet, tuple[Exclusion, ...], bool]:
    """Who may serve with what is known of them, who may not with the first reason found, and whether no answer need be cut."""
    able = eligible_targets(question, snapshot)
    lineup = _lineup(able, signals.table, question.policy.performance_window)
    if signals.limited_for_ms:
        lineup = CandidateSet([_delayed(each, signals.limited_for_ms) for each in lineup.candidates])
    cheap = _cheap(question, lineup)
    rules = request_filters(question, snapshot, able.min_context_window, cheap)
    if not rules:
        return lineup, able.excluded, cheap
    reasons = [(each, per_request_exclusion(each.target, question, each.signal, rules)) for each in lineup.candidates]
    excluded = [Exclusion(each.target.id, each.target.provider.name, why) for each, why in reasons if why]
    if excluded:
        lineup = CandidateSet(_with_weights([(each.target, each.signal) for each, why in reasons if not why]))
    return lineup, (*able.excluded, *excluded), cheap


def _lineup(able: EligibleTargets, rows: SignalTable, window: float) -> CandidateSet:
    """The same one for all who ask alike at the same moment."""
    lineup: CandidateSet | None = rows.memo.get((able, window))
    if lineup is None:
        lineup = CandidateSet(_with_weights([(target, rows.get(target.id, window)) for target in able.targets]))
        rows.memo[able, window] = lineup
    return lineup


def _with_weights(known: Sequence[tuple[Target, Signal]]) -> list[Candidate]:
    regions = Counter(target.provider.name for target, _ in known)
    return [
        Candidate(target, signal, target.provider.weight / regions[target.provider.name], target.provider.name)
        for target, signal in known
    ]


def _delayed(candidate: Candidate, busy: Mapping[str, int]) -> Candidate:
    """The candidate with the wait that its provider's account is due."""
    wait = busy.get(candidate.provider_name, 0)
    if wait <= candidate.signal.available_in_ms:
        return candidate
    return replace(candidate, signal=replace(candidate.signal, available_in_ms=wait))


def _order_overrides(
    question: RoutingRequest, lineup: CandidateSet, signals: Signals, turns: str | None
) -> OrderOverrides:
    """A chain that leads somewhere, or a session's target, comes before turns: those are then not taken."""
    chained = provider_chain(question.policy)
    if not chained and signals.sticky_target is None and turns is None:
        return NO_OVERRIDES
    sticky = signals.sticky_target if signals.sticky_target in lineup.available_ids else None
    led = sticky or (chained and any(each.provider_name in chained for each in lineup.available))
    return OrderOverrides(chained, sticky, None if led else next_pick(question, lineup, signals.pick_counts))


def _cheap(question: RoutingRequest, lineup: CandidateSet) -> bool:
    """Whether the answer need not be cut for anybody."""
    ceiling = question.policy.max_cost_per_request
    return ceiling is None or cost_ceiling.surely_under(ceiling, question.facts, lineup.dearest)


def _cut(step: PlannedTarget, candidate: Candidate, question: RoutingRequest) -> PlannedTarget:
    """The step with what its answer must be cut to, so that it stays under the ceiling."""
    ceiling = question.policy.max_cost_per_request
    fit = cost_ceiling.fit(candidate.target, question.facts, candidate.signal, ceiling) if ceiling is not None else None
    return replace(step, max_tokens=fit.max_tokens) if fit and fit.max_tokens else step
