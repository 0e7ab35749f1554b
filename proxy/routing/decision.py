"""Who serves a request, in which order, and why: a pure function of the question, the file and the signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from proxy.config.snapshot import Snapshot, Target
from proxy.routing.eligibility import Exclusion, screen
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from proxy.routing.strategies import STRATEGIES, Candidate
from proxy.telemetry.signals import Signals


@dataclass(frozen=True, slots=True)
class Question:
    """Everything about one request that the answer may depend on."""

    facts: Facts
    policy: Policy
    strategy: str
    """The file's, where the policy names none."""
    seed: str
    """All the chance there is: the same seed gives the same answer."""


@dataclass(frozen=True, slots=True)
class Step:
    """One place in the plan."""

    target: Target
    score: float
    """The strategy's key; smaller is better."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The plan, and who is not in it."""

    model: str = ""
    strategy: str = ""
    steps: tuple[Step, ...] = ()
    excluded: tuple[Exclusion, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The decision as a value for JSON."""
        return {
            "model": self.model,
            "strategy": self.strategy,
            "plan": [
                {
                    "target": step.target.id,
                    "provider": step.target.provider.name,
                    "region": step.target.region,
                    "model": step.target.model,
                    "score": round(step.score, 6) if isfinite(step.score) else None,
                }
                for step in self.steps
            ],
            "excluded": [
                {"target": each.target, "provider": each.provider, "reason": each.reason} for each in self.excluded
            ],
        }


def decide(question: Question, snapshot: Snapshot, signals: Signals) -> Decision:
    """Filter, score, order; the plan is empty if nobody may serve."""
    policy = question.policy
    name = policy.strategy or question.strategy
    eligible, excluded = screen(snapshot.targets(question.facts.model), policy)
    key = STRATEGIES[name]
    steps = [Step(each.target, key(each, question.seed)) for each in _candidates(eligible, signals)]
    steps = _chained(sorted(steps, key=lambda step: step.score), policy.fallbacks or policy.preference)
    steps.sort(key=lambda step: signals.of(step.target.id).available_in_ms > 0)
    return Decision(question.facts.model, name, tuple(steps), tuple(excluded))


def _candidates(targets: list[Target], signals: Signals) -> Iterable[Candidate]:
    regions = Counter(target.provider.name for target in targets)
    return (
        Candidate(target, signals.of(target.id), target.provider.weight / regions[target.provider.name])
        for target in targets
    )


def _chained(steps: Iterable[Step], chain: tuple[str, ...]) -> list[Step]:
    """The best step of each provider of the chain, then the chain's further regions, then everybody else."""
    if not chain:
        return list(steps)
    best: dict[str, Step] = {}
    further: list[Step] = []
    others: list[Step] = []
    for step in steps:
        name = step.target.provider.name
        if name not in chain:
            others.append(step)
        elif name in best:
            further.append(step)
        else:
            best[name] = step
    further.sort(key=lambda step: chain.index(step.target.provider.name))
    return [best[name] for name in chain if name in best] + further + others
