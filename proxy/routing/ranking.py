"""Ranking: sorts candidates by score, then moves those first that the caller, the session or the balancer puts first.

The order of power, strongest first: available before unavailable, the caller's chain (failover config, else fallbacks),
priority, preference, the session's target, the balancer's pick, a weight above 0, medians within X-Max-Latency-Ms, score,
observed speed. Each is applied as a stable sort, the weakest first. Candidates are given by index.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from proxy.config.regions import region_distance_km
from proxy.routing.balancing import BalancedPick
from proxy.routing.policy import Policy
from proxy.routing.strategies import StrategyInput


class OrderOverrides(Struct, frozen=True):
    """What comes before the scores."""

    chain: tuple[str, ...] = ()
    """See `provider_chain`."""
    preference: tuple[str, ...] = ()
    session_index: int | None = None
    """The available candidate that served the session last."""
    pick: BalancedPick | None = None


NO_OVERRIDES = OrderOverrides()


def provider_chain(policy: Policy) -> tuple[str, ...]:
    """Return the providers that alone may serve, in the caller's order: failover config, else fallbacks.

    The chain is stronger than priorities, and a weight of 0 does not count in it.
    """
    return policy.failover_config.providers if policy.failover_config is not None else policy.provider_fallbacks


def rank(given: StrategyInput, scores: Sequence[float], overrides: OrderOverrides) -> tuple[list[int], list[int]]:
    """Return the available and the unavailable candidates in order. No pick and no session moves an unavailable one."""
    max_latency_ms = given.request.policy.max_latency_ms
    fastest, unavailable_fastest = given.candidate_set.speed_orders(given.request.facts.stream)
    available = fastest.sorted_by(scores, max_latency_ms)
    unavailable = unavailable_fastest.sorted_by(scores, max_latency_ms) if unavailable_fastest.indices else []
    if given.candidate_set.last_resorts:
        available, unavailable = (
            _move_last(each, given.candidate_set.last_resorts) for each in (available, unavailable)
        )
    if overrides.pick:
        available = _move_pick_first(available, given, overrides.pick)
    if overrides.session_index is not None:
        available.remove(overrides.session_index)
        available.insert(0, overrides.session_index)
    if overrides.chain or overrides.preference or given.candidate_set.priorities is not None:
        available = _move_by_rank(available, given, overrides)
        unavailable = _move_by_rank(unavailable, given, overrides)
    return available, unavailable


def preference_is_overridden(given: StrategyInput, ranked: Sequence[int], overrides: OrderOverrides) -> str | None:
    """Return the first provider that the request prefers if targets of a lower priority number precede it.

    None for a preference of the file, whose priorities are the same author's.
    """
    candidates, policy = given.candidate_set.candidates, given.request.policy
    is_of_request = policy.sources.get("provider_preference", ("request",)) == ("request",)
    if given.candidate_set.priorities is None or overrides.chain or not is_of_request:
        return None
    names = [candidates[index].provider_name for index in ranked]
    first = next((name for name in overrides.preference if name in names), None)
    return first if first is not None and names[0] != first else None


def _move_by_rank(ranked: list[int], given: StrategyInput, overrides: OrderOverrides) -> list[int]:
    """Return the candidates by preference, priority and chain, each of which is stronger than the one before."""
    if overrides.preference:
        ranked = _move_chain_first(ranked, given, overrides.preference)
    if (priorities := given.candidate_set.priorities) is not None:
        ranked = sorted(ranked, key=priorities.__getitem__)
    return _move_chain_first(ranked, given, overrides.chain) if overrides.chain else ranked


def _move_last(ranked: list[int], indices: frozenset[int]) -> list[int]:
    return sorted(ranked, key=indices.__contains__)


def _move_pick_first(ranked: list[int], given: StrategyInput, pick: BalancedPick) -> list[int]:
    """Return the pick's best target, then the other targets of balanced providers, then those of all others."""
    by_provider, last_resorts = given.candidate_set.leading_by_provider, given.candidate_set.last_resorts
    own = by_provider[pick.provider]
    if last_resorts:
        own = [index for index in own if index not in last_resorts] or own
    first = own[0] if len(own) == 1 else _nearest_target([index for index in ranked if index in own], given)
    ranked.remove(first)
    ranked.insert(0, first)
    if len(pick.group.weights) == len(by_provider):
        return ranked
    balanced = {index for name, _ in pick.group.weights for index in by_provider[name]}
    return [index for index in ranked if index in balanced] + [index for index in ranked if index not in balanced]


def _nearest_target(ranked: Sequence[int], given: StrategyInput) -> int:
    """Return the one nearest to the caller, of equally near ones the least busy, of those the first."""
    region, candidates = given.region, given.candidate_set.candidates
    distances = [region_distance_km(region, candidates[index].target.region) for index in ranked]
    shortest = min(distances)
    nearest = [index for index, distance in zip(ranked, distances, strict=True) if distance == shortest]
    return nearest[0] if len(nearest) == 1 else min(nearest, key=lambda i: given.in_flight(candidates[i].target.id))


def _move_chain_first(ranked: Sequence[int], given: StrategyInput, chain: Sequence[str]) -> list[int]:
    """Return the best target of each provider of the chain, then their further regions, then all others.

    Both parts follow the chain: with `a,b` and two regions each the result is a1 b1 a2 b2.
    """
    candidates = given.candidate_set.candidates
    best: dict[str, int] = {}
    further: list[int] = []
    others: list[int] = []
    for index in ranked:
        name = candidates[index].provider_name
        if name not in chain:
            others.append(index)
        elif name in best:
            further.append(index)
        else:
            best[name] = index
    further.sort(key=lambda index: chain.index(candidates[index].provider_name))
    return [best[name] for name in chain if name in best] + further + others
