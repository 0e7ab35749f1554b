"""Who serves a request, in which order, and why: a pure function of the question, the file and the signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from msgspec import Struct

from proxy.config.snapshot import Provider, Snapshot, Target
from proxy.routing import costs
from proxy.routing.balancing import Turn, kind, turn
from proxy.routing.eligibility import Exclusion, absent, filters, of_provider
from proxy.routing.order import Lead, chain, ordered
from proxy.routing.question import Question
from proxy.routing.strategies import STRATEGIES, Candidate, Scene
from proxy.telemetry.signals import Signal, Signals
from proxy.telemetry.window import covered


class Step(Struct, frozen=True):
    """One place in the plan."""

    target: Target
    score: float
    """The strategy's key; smaller is better."""
    max_tokens: int | None = None
    """What the answer is cut to, so that it stays under the cost ceiling."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The plan, and who is not in it."""

    model: str = ""
    strategy: str = ""
    steps: tuple[Step, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    turn: Turn | None = None
    """The turn that the first place was given by; counted when the decision is acted on."""
    window: int = 300
    """Seconds over which targets were measured: what was asked for, in whole buckets."""

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
            }
            for step in self.steps
        ]
        excluded = [{"target": each.target, "provider": each.provider, "reason": each.reason} for each in self.excluded]
        return {
            "model": self.model,
            "strategy": self.strategy,
            "window_s": self.window,
            "plan": plan,
            "excluded": excluded,
        }


def decide(question: Question, snapshot: Snapshot, signals: Signals) -> Decision:
    """Filter, score, order; the plan is empty if nobody may serve."""
    policy = question.policy
    strategy = policy.routing_strategy or question.strategy
    candidates, excluded = _screened(question, snapshot, signals)
    scene, key = Scene(question, candidates), STRATEGIES[strategy]
    scores = {each.target.id: key(each, scene) for each in candidates}
    lead = _lead(question, candidates, signals)
    steps = [_step(each, scores[each.target.id], question) for each in ordered(scene, scores, lead)]
    named = kind(question) or strategy
    return Decision(
        question.facts.model, named, tuple(steps), tuple(excluded), lead.turn, covered(policy.performance_window)
    )


def _screened(question: Question, snapshot: Snapshot, signals: Signals) -> tuple[list[Candidate], list[Exclusion]]:
    """Those who may serve with what is known of them, and those who may not with the first reason found."""
    targets, elsewhere = _targets(question, snapshot)
    excluded = absent(question, snapshot, targets) + elsewhere
    barred = {name: of_provider(provider, question) for name, provider in _providers(targets).items()}
    rules, window = filters(question, snapshot), question.policy.performance_window
    eligible: list[tuple[Target, Signal]] = []
    for target in targets:
        if why := barred[target.provider.name]:
            excluded.append(Exclusion(target.id, target.provider.name, why))
            continue
        signal = signals.of(target.id, window)
        if target.provider.name in signals.busy:
            signal = replace(signal, available_in_ms=max(signal.available_in_ms, signals.busy[target.provider.name]))
        for rule in rules:
            if why := rule(target, question, signal):
                excluded.append(Exclusion(target.id, target.provider.name, why))
                break
        else:
            eligible.append((target, signal))
    return _candidates(eligible), excluded


def _targets(question: Question, snapshot: Snapshot) -> tuple[tuple[Target, ...], list[Exclusion]]:
    """Who serves the model; where the request has a chain of its own with other models, who serves those, and who does not."""
    targets = snapshot.targets(question.facts.model)
    config = question.policy.failover_config
    if config is None:
        return targets, []
    chained = config.targets(question.facts.model, snapshot)
    ids = {target.id for target in chained}
    others = [target for target in targets if target.id not in ids]
    return chained, [Exclusion(each.id, each.provider.name, "not_in_failover_config") for each in others]


def _providers(targets: Sequence[Target]) -> dict[str, Provider]:
    return {target.provider.name: target.provider for target in targets}


def _candidates(eligible: Sequence[tuple[Target, Signal]]) -> list[Candidate]:
    regions: dict[str, int] = {}
    for target, _ in eligible:
        regions[target.provider.name] = regions.get(target.provider.name, 0) + 1
    return [
        Candidate(target, signal, target.provider.weight / regions[target.provider.name]) for target, signal in eligible
    ]


def _lead(question: Question, candidates: Sequence[Candidate], signals: Signals) -> Lead:
    """A chain that leads somewhere, or a session's target, comes before turns: those are then not taken."""
    chained = chain(question.policy)
    if not chained and signals.sticky is None and kind(question) is None:
        return Lead()
    available = [each for each in candidates if not each.signal.available_in_ms]
    sticky = next((each.target.id for each in available if each.target.id == signals.sticky), None)
    led = sticky or any(each.target.provider.name in chained for each in available)
    return Lead(chained, sticky, None if led else turn(question, available, signals.picks))


def _step(candidate: Candidate, score: float, question: Question) -> Step:
    ceiling = question.policy.max_cost_per_request
    if ceiling is None:
        return Step(candidate.target, score)
    fit = costs.fit(candidate.target, question.facts, candidate.signal, ceiling)
    return Step(candidate.target, score, fit.max_tokens if fit else None)
