"""The order of the plan: what is asked for stands above what is reckoned, and who is available above who is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from proxy.config.regions import region_distance_km
from proxy.routing.balancing import BalancedPick
from proxy.routing.policy import Policy
from proxy.routing.strategies import Candidate, StrategyInput


class OrderOverrides(Struct, frozen=True, gc=False):
    """What stands above the scores."""

    chain: tuple[str, ...] = ()
    session_target: str | None = None
    """The target that the session stays at."""
    pick: BalancedPick | None = None


NO_OVERRIDES = OrderOverrides()


def provider_chain(policy: Policy) -> tuple[str, ...]:
    """The providers that stand first in an order of the caller's own."""
    if policy.failover_config is not None:
        return policy.failover_config.providers
    return policy.provider_fallbacks or policy.provider_preference


def rank(
    scene: StrategyInput, scores: Mapping[Candidate, float], overrides: OrderOverrides
) -> tuple[list[Candidate], list[Candidate]]:
    """The available by chain, then session, then turn, then score; and the rest, by chain and score."""
    stream, limit = scene.request.facts.stream, scene.request.policy.max_latency_ms
    # Sorting is stable, so ties stay in the order of observed latency in which these come.
    fastest = scene.candidate_set.by_ttft if stream else scene.candidate_set.by_latency
    available, rest = [sorted(each, key=scores.__getitem__) for each in fastest]
    if limit is not None:
        available, rest = _move_slow_last(available, limit, stream), _move_slow_last(rest, limit, stream)
    if overrides is NO_OVERRIDES:
        return available, rest
    return _apply_overrides(available, scene, overrides), _apply_overrides(
        rest, scene, OrderOverrides(overrides.chain)
    ) if rest else rest


def _move_slow_last(ranked: Sequence[Candidate], limit: float, stream: bool) -> list[Candidate]:
    """Those not known to be slower than `limit` milliseconds, then the others."""
    timely: list[Candidate] = []
    slow: list[Candidate] = []
    for each in ranked:
        measured = each.signal.performance
        median = (measured.ttft_ms if stream else measured.latency_ms).p50
        (timely if median is None or median <= limit else slow).append(each)
    return timely + slow


def _apply_overrides(ranked: list[Candidate], scene: StrategyInput, overrides: OrderOverrides) -> list[Candidate]:
    if overrides.pick:
        ranked = _move_pick_first(ranked, scene, overrides.pick)
    if overrides.session_target:
        ranked.sort(key=lambda each: each.target.id != overrides.session_target)
    return _move_chain_first(ranked, overrides.chain) if overrides.chain else ranked


def _move_pick_first(ranked: Sequence[Candidate], scene: StrategyInput, pick: BalancedPick) -> list[Candidate]:
    """Whose turn it is with its nearest target, the least busy of equals; then the others that have a weight; then the rest."""
    weighted = dict(pick.group.weights)
    own, others, rest = [], [], []
    for each in ranked:
        name = each.provider_name
        if name not in weighted:
            rest.append(each)
            continue
        others.append(each)
        if name == pick.provider:
            own.append(each)
    first = own[0] if len(own) == 1 else _nearest_target(own, scene)
    others.remove(first)
    return [first, *others, *rest]


def _nearest_target(own: Sequence[Candidate], scene: StrategyInput) -> Candidate:
    region, in_flight = scene.region, scene.in_flight
    return min(own, key=lambda each: (region_distance_km(region, each.target.region), in_flight(each.target.id)))


def _move_chain_first(ranked: Sequence[Candidate], chain: Sequence[str]) -> list[Candidate]:
    """The best target of each provider of the chain, then the chain's further regions, then everybody else."""
    best: dict[str, Candidate] = {}
    further: list[Candidate] = []
    others: list[Candidate] = []
    for each in ranked:
        name = each.provider_name
        if name not in chain:
            others.append(each)
        elif name in best:
            further.append(each)
        else:
            best[name] = each
    further.sort(key=lambda each: chain.index(each.provider_name))
    return [best[name] for name in chain if name in best] + further + others
