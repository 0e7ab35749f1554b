"""The order of the plan: what is asked for stands above what is reckoned, and who is available above who is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from proxy.routing.balancing import Turn
from proxy.routing.policy import Policy
from proxy.routing.strategies import Candidate, Scene, geographic


@dataclass(frozen=True, slots=True)
class Lead:
    """What stands above the scores."""

    chain: tuple[str, ...] = ()
    sticky: str | None = None
    """The target that the session stays at."""
    turn: Turn | None = None


def chain(policy: Policy) -> tuple[str, ...]:
    """The providers that stand first in an order of the caller's own."""
    if policy.failover_config is not None:
        return policy.failover_config.providers
    return policy.provider_fallbacks or policy.provider_preference


def ordered(scene: Scene, scores: Mapping[str, float], lead: Lead) -> list[Candidate]:
    """The available by chain, then session, then turn, then score; behind them the rest by chain and score."""
    ranked = _ranked(scene, scores)
    available = [each for each in ranked if not each.signal.available_in_ms]
    if len(available) == len(ranked):
        return _led(available, scene, lead)
    rest = [each for each in ranked if each.signal.available_in_ms]
    return _led(available, scene, lead) + _led(rest, scene, Lead(lead.chain))


def _ranked(scene: Scene, scores: Mapping[str, float]) -> list[Candidate]:
    """Those within the latency asked for, then the others; by score; ties by observed latency."""
    stream, limit = scene.question.facts.stream, scene.question.policy.max_latency_ms or inf

    def rank(candidate: Candidate) -> tuple[bool, float, float]:
        measured = candidate.signal.performance
        median = (measured.ttft_ms if stream else measured.latency_ms).p50
        latency = inf if median is None else median
        return limit < latency < inf, scores[candidate.target.id], latency

    return sorted(scene.candidates, key=rank)


def _led(ranked: list[Candidate], scene: Scene, lead: Lead) -> list[Candidate]:
    if lead.turn:
        ranked = _by_turn(ranked, scene, lead.turn)
    if lead.sticky:
        ranked.sort(key=lambda each: each.target.id != lead.sticky)
    return _chained(ranked, lead.chain) if lead.chain else ranked


def _by_turn(ranked: Sequence[Candidate], scene: Scene, turn: Turn) -> list[Candidate]:
    """Whose turn it is with its nearest target, the least busy of equals; then the others that have a weight; then the rest."""
    own = [each for each in ranked if each.target.provider.name == turn.provider]
    first = min(own, key=lambda each: (geographic(each, scene), each.signal.in_flight), default=None)
    weighted = {name for name, _ in turn.group.weights}
    return sorted(ranked, key=lambda each: (each is not first, each.target.provider.name not in weighted))


def _chained(ranked: Sequence[Candidate], chain: Sequence[str]) -> list[Candidate]:
    """The best target of each provider of the chain, then the chain's further regions, then everybody else."""
    best: dict[str, Candidate] = {}
    further: list[Candidate] = []
    others: list[Candidate] = []
    for each in ranked:
        name = each.target.provider.name
        if name not in chain:
            others.append(each)
        elif name in best:
            further.append(each)
        else:
            best[name] = each
    further.sort(key=lambda each: chain.index(each.target.provider.name))
    return [best[name] for name in chain if name in best] + further + others
