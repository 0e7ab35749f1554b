"""Who serves a request, in which order, and why: a pure function of the question, the file and the signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from proxy.config.snapshot import Snapshot, Target
from proxy.routing import costs
from proxy.routing.balancing import Turn, kind, turn
from proxy.routing.eligibility import Exclusion, Field, field, filters, passing
from proxy.routing.order import NO_LEAD, Lead, chain, ordered
from proxy.routing.question import Question
from proxy.routing.strategies import STRATEGIES, Candidate, Lineup, Scene
from proxy.telemetry.signals import Rows, Signal, Signals
from proxy.telemetry.window import covered


class Step(Struct, frozen=True, gc=False):
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
    steps: tuple[Step, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    turn: Turn | None = None
    """The turn that the first place was given by; counted when the decision is acted on."""
    window: float = 300.0
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
            for step in self.steps
        ]
        excluded = [{"target": each.target, "provider": each.provider, "reason": each.reason} for each in self.excluded]
        return {
            "model": self.model,
            "strategy": self.strategy,
            "window_s": covered(self.window),
            "plan": plan,
            "excluded": excluded,
        }


def decide(question: Question, snapshot: Snapshot, signals: Signals) -> Decision:
    """Filter, score, order; the plan is empty if nobody may serve."""
    policy = question.policy
    strategy, turns = policy.routing_strategy or question.strategy, kind(question)
    lineup, excluded, cheap = _screened(question, snapshot, signals)
    scene = Scene(question, lineup, signals.in_flight)
    scores = dict(zip(lineup.candidates, STRATEGIES[strategy](scene), strict=True))
    lead = _lead(question, lineup, signals, turns)
    available, rest = ordered(scene, scores, lead)
    steps = [Step(each.target, scores[each]) for each in available]
    steps += [Step(each.target, scores[each], None, each.signal.available_in_ms) for each in rest]
    if not cheap:
        steps = [_cut(step, each, question) for step, each in zip(steps, available + rest, strict=True)]
    plan, window = tuple(steps), policy.performance_window
    return Decision(question.facts.model, turns or strategy, plan, excluded, lead.turn, window)


def _screened(question: Question, snapshot: Snapshot, signals: Signals) -> tuple[Lineup, tuple[Exclusion, ...], bool]:
    """Who may serve with what is known of them, who may not with the first reason found, and whether no answer need be cut."""
    able = field(question, snapshot)
    lineup = _lineup(able, signals.rows, question.policy.performance_window)
    if signals.busy:
        lineup = Lineup([_delayed(each, signals.busy) for each in lineup.candidates])
    cheap = _cheap(question, lineup)
    rules = filters(question, snapshot, able.least_context, cheap)
    if not rules:
        return lineup, able.excluded, cheap
    reasons = [(each, passing(each.target, question, each.signal, rules)) for each in lineup.candidates]
    excluded = [Exclusion(each.target.id, each.target.provider.name, why) for each, why in reasons if why]
    if excluded:
        lineup = Lineup(_weighed([(each.target, each.signal) for each, why in reasons if not why]))
    return lineup, (*able.excluded, *excluded), cheap


def _lineup(able: Field, rows: Rows, window: float) -> Lineup:
    """The same one for all who ask alike at the same moment."""
    lineup: Lineup | None = rows.memo.get((able, window))
    if lineup is None:
        lineup = Lineup(_weighed([(target, rows.of(target.id, window)) for target in able.targets]))
        rows.memo[able, window] = lineup
    return lineup


def _weighed(known: Sequence[tuple[Target, Signal]]) -> list[Candidate]:
    regions = Counter(target.provider.name for target, _ in known)
    return [
        Candidate(target, signal, target.provider.weight / regions[target.provider.name], target.provider.name)
        for target, signal in known
    ]


def _delayed(candidate: Candidate, busy: Mapping[str, int]) -> Candidate:
    """The candidate with the wait that its provider's account is due."""
    wait = busy.get(candidate.provider, 0)
    if wait <= candidate.signal.available_in_ms:
        return candidate
    return replace(candidate, signal=replace(candidate.signal, available_in_ms=wait))


def _lead(question: Question, lineup: Lineup, signals: Signals, turns: str | None) -> Lead:
    """A chain that leads somewhere, or a session's target, comes before turns: those are then not taken."""
    chained = chain(question.policy)
    if not chained and signals.sticky is None and turns is None:
        return NO_LEAD
    sticky = signals.sticky if signals.sticky in lineup.ids else None
    led = sticky or (chained and any(each.provider in chained for each in lineup.available))
    return Lead(chained, sticky, None if led else turn(question, lineup, signals.picks))


def _cheap(question: Question, lineup: Lineup) -> bool:
    """Whether the answer need not be cut for anybody."""
    ceiling = question.policy.max_cost_per_request
    return ceiling is None or costs.surely_under(ceiling, question.facts, lineup.dearest)


def _cut(step: Step, candidate: Candidate, question: Question) -> Step:
    """The step with what its answer must be cut to, so that it stays under the ceiling."""
    ceiling = question.policy.max_cost_per_request
    fit = costs.fit(candidate.target, question.facts, candidate.signal, ceiling) if ceiling is not None else None
    return replace(step, max_tokens=fit.max_tokens) if fit and fit.max_tokens else step
