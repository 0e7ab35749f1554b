"""The order of the plan: what is asked for stands above what is reckoned, and who is available above who is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from proxy.config.regions import kilometres
from proxy.routing.balancing import Turn
from proxy.routing.policy import Policy
from proxy.routing.strategies import Candidate, Scene


class Lead(Struct, frozen=True, gc=False):
    """What stands above the scores."""

    chain: tuple[str, ...] = ()
    sticky: str | None = None
    """The target that the session stays at."""
    turn: Turn | None = None


NO_LEAD = Lead()


def chain(policy: Policy) -> tuple[str, ...]:
    """The providers that stand first in an order of the caller's own."""
    if policy.failover_config is not None:
        return policy.failover_config.providers
    return policy.provider_fallbacks or policy.provider_preference


def ordered(scene: Scene, scores: Mapping[Candidate, float], lead: Lead) -> tuple[list[Candidate], list[Candidate]]:
    """The available by chain, then session, then turn, then score; and the rest, by chain and score."""
    stream, limit = scene.question.facts.stream, scene.question.policy.max_latency_ms
    # Sorting is stable, so ties stay in the order of observed latency in which these come.
    fastest = scene.lineup.by_ttft if stream else scene.lineup.by_latency
    available, rest = [sorted(each, key=scores.__getitem__) for each in fastest]
    if limit is not None:
        available, rest = _timely(available, limit, stream), _timely(rest, limit, stream)
    if lead is NO_LEAD:
        return available, rest
    return _led(available, scene, lead), _led(rest, scene, Lead(lead.chain)) if rest else rest


def _timely(ranked: Sequence[Candidate], limit: float, stream: bool) -> list[Candidate]:
    """Those not known to be slower than `limit` milliseconds, then the others."""
    timely: list[Candidate] = []
    slow: list[Candidate] = []
    for each in ranked:
        measured = each.signal.performance
        median = (measured.ttft_ms if stream else measured.latency_ms).p50
        (timely if median is None or median <= limit else slow).append(each)
    return timely + slow


def _led(ranked: list[Candidate], scene: Scene, lead: Lead) -> list[Candidate]:
    if lead.turn:
        ranked = _by_turn(ranked, scene, lead.turn)
    if lead.sticky:
        ranked.sort(key=lambda each: each.target.id != lead.sticky)
    return _chained(ranked, lead.chain) if lead.chain else ranked


def _by_turn(ranked: Sequence[Candidate], scene: Scene, turn: Turn) -> list[Candidate]:
    """Whose turn it is with its nearest target, the least busy of equals; then the others that have a weight; then the rest."""
    weighted = dict(turn.group.weights)
    own, others, rest = [], [], []
    for each in ranked:
        name = each.provider
        if name not in weighted:
            rest.append(each)
            continue
        others.append(each)
        if name == turn.provider:
            own.append(each)
    first = own[0] if len(own) == 1 else _nearest(own, scene)
    others.remove(first)
    return [first, *others, *rest]


def _nearest(own: Sequence[Candidate], scene: Scene) -> Candidate:
    region, in_flight = scene.region, scene.in_flight
    return min(own, key=lambda each: (kilometres(region, each.target.region), in_flight(each.target.id)))


def _chained(ranked: Sequence[Candidate], chain: Sequence[str]) -> list[Candidate]:
    """The best target of each provider of the chain, then the chain's further regions, then everybody else."""
    best: dict[str, Candidate] = {}
    further: list[Candidate] = []
    others: list[Candidate] = []
    for each in ranked:
        name = each.provider
        if name not in chain:
            others.append(each)
        elif name in best:
            further.append(each)
        else:
            best[name] = each
    further.sort(key=lambda each: chain.index(each.provider))
    return [best[name] for name in chain if name in best] + further + others
