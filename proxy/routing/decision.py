"""Who serves a request, in which order, and why: a pure function of the question, the file and the signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from proxy.config.snapshot import Snapshot, Target
from proxy.routing import costs
from proxy.routing.balancing import Turn, turn
from proxy.routing.eligibility import Exclusion, absent, reason, strict
from proxy.routing.order import chain, ordered
from proxy.routing.question import Question
from proxy.routing.strategies import STRATEGIES, Candidate, scene
from proxy.telemetry.signals import Signal, Signals


@dataclass(frozen=True, slots=True)
class Step:
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
        return {"model": self.model, "strategy": self.strategy, "plan": plan, "excluded": excluded}


def decide(question: Question, snapshot: Snapshot, signals: Signals) -> Decision:
    """Filter, score, order; the plan is empty if nobody may serve."""
    strategy = question.policy.routing_strategy or question.strategy
    config = question.policy.failover_config
    targets = config.targets(question.facts.model, snapshot) if config else snapshot.targets(question.facts.model)
    candidates, excluded = _screened(question, snapshot, targets, signals)
    key, seen = STRATEGIES[strategy], scene(question, candidates)
    scores = {each.target.id: key(each, seen) for each in candidates}
    sticky = _sticky(candidates, signals)
    whose = None if chain(question.policy) or sticky else turn(question, candidates, signals.picks)
    plan = ordered(question, candidates, scores, whose.provider if whose else sticky)
    steps = tuple(Step(each.target, scores[each.target.id], _clamp(each, question)) for each in plan)
    return Decision(question.facts.model, _named(question, strategy), steps, tuple(excluded), whose)


def _screened(
    question: Question, snapshot: Snapshot, targets: tuple[Target, ...], signals: Signals
) -> tuple[list[Candidate], list[Exclusion]]:
    """Those who may serve with what is known of them, and those who may not with the first reason found."""
    eligible: list[tuple[Target, Signal]] = []
    excluded = absent(question, snapshot, targets)
    for target in targets:
        signal = signals.of(target.id, question.policy.performance_window)
        if target.provider.name in signals.busy:
            signal = replace(signal, available_in_ms=max(signal.available_in_ms, signals.busy[target.provider.name]))
        why = reason(target, question, signal) or (snapshot.strict_params and strict(target, question)) or None
        if why is None:
            eligible.append((target, signal))
        else:
            excluded.append(Exclusion(target.id, target.provider.name, why))
    return _candidates(eligible), excluded


def _candidates(eligible: Sequence[tuple[Target, Signal]]) -> list[Candidate]:
    regions = Counter(target.provider.name for target, _ in eligible)
    return [
        Candidate(target, signal, target.provider.weight / regions[target.provider.name]) for target, signal in eligible
    ]


def _sticky(candidates: Sequence[Candidate], signals: Signals) -> str | None:
    """The session's last target, if it may serve and is available."""
    known = signals.sticky is not None
    held = known and any(each.target.id == signals.sticky and not each.signal.available_in_ms for each in candidates)
    return signals.sticky if held else None


def _clamp(candidate: Candidate, question: Question) -> int | None:
    ceiling = question.policy.max_cost_per_request
    if ceiling is None:
        return None
    fit = costs.fit(candidate.target, question.facts, candidate.signal, ceiling)
    return fit.max_tokens if fit else None


def _named(question: Question, strategy: str) -> str:
    """What the answer says decided: turns where they were asked for."""
    return question.policy.load_balance_strategy or strategy
