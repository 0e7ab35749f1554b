"""Load balancing with exact shares: picks the provider of the first place by counting earlier picks.

Requests for the same model with the same available providers and weights form a group. Each pick goes to the provider
that is furthest behind its share of the group's picks, so any 100 consecutive picks have exactly the shares of weights
that sum to 100.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from math import gcd

from msgspec import Struct

from proxy.routing.decision_cache import BalancingGroup, CandidateSet
from proxy.routing.policy import Policy
from proxy.routing.routing_request import RoutingRequest

SHARE_PRECISION = 10_000
"""Shares of providers, numbers up to 1, are multiplied by this and rounded to integers."""
MAX_GROUPS = 1024
"""Groups that are counted. The least recently used are forgotten first."""

BALANCING_STRATEGIES = ("round-robin", "weighted")


class BalancedPick(Struct, frozen=True):
    """The provider that gets the first place. Live decisions count it with `BalancerState.record`."""

    group: BalancingGroup
    provider: str


def next_pick(
    request: RoutingRequest, mode: str, candidates: CandidateSet, counts: Mapping[BalancingGroup, Mapping[str, int]]
) -> BalancedPick | None:
    """Return the next pick among the available providers of the leading priority, given the earlier ones.

    `mode` is the request's `balancing_mode`. `counts` are those of `BalancerState.picks`. None if no such provider has a
    weight.
    """
    policy = request.policy
    key = mode, policy.load_balance_providers, policy.provider_weights
    group = candidates.groups.get(key)
    if group is None:
        group = BalancingGroup(request.facts.model, _integer_weights(policy, mode, _shares(candidates)))
        candidates.groups[key] = group
    return BalancedPick(group, _furthest_behind(group.weights, counts.get(group, {}))) if group.weights else None


def balancing_mode(request: RoutingRequest) -> str | None:
    """Return `round-robin`, `weighted`, or None if the request is not balanced."""
    policy = request.policy
    if policy.load_balance_strategy:
        return policy.load_balance_strategy
    if policy.provider_weights:
        return "weighted"
    if policy.load_balance_providers:
        return "round-robin"
    strategy = policy.routing_strategy or request.default_strategy
    return strategy if strategy in BALANCING_STRATEGIES else None


def _shares(candidates: CandidateSet) -> dict[str, float]:
    """Return the providers of the leading priority in listed order with their shares of all weights in the file."""
    shares = {}
    for name, indices in candidates.leading_by_provider.items():
        targets = [candidates.candidates[index].target for index in indices]
        shares[name] = sum({target.weight_group: target.weight for target in targets}.values())
    return shares


def _integer_weights(policy: Policy, mode: str, shares: Mapping[str, float]) -> tuple[tuple[str, int], ...]:
    """Return the weights of the balanced providers in lowest terms, in listed order.

    Those of weight 0 are left out, unless the request names them or there are no others.
    """
    names = [name for name in policy.load_balance_providers or shares if name in shares]
    if mode == "round-robin":
        turns = names if policy.load_balance_providers else [name for name in names if shares[name]] or names
        return tuple((name, 1) for name in turns)
    requested = dict(policy.provider_weights)
    weights = {name: requested.get(name, 0) if requested else round(shares[name] * SHARE_PRECISION) for name in names}
    divisor = gcd(*weights.values())
    return tuple((name, weight // divisor) for name, weight in weights.items() if weight)


def _furthest_behind(weights: Sequence[tuple[str, int]], counts: Mapping[str, int]) -> str:
    """Return the provider with the largest weight x (n + 1) - picks x total of weights, the first listed on a tie."""
    total = sum([weight for _, weight in weights])
    n = sum(counts.values()) + 1
    behind = [weight * n - counts.get(name, 0) * total for name, weight in weights]
    return weights[behind.index(max(behind))][0]


class BalancerState:
    """The picks counted so far, by group and provider."""

    def __init__(self) -> None:
        self.picks: OrderedDict[BalancingGroup, dict[str, int]] = OrderedDict()

    def record(self, pick: BalancedPick) -> None:
        """Count a pick. After a full round, one pick per unit of weight, the group's counts start again from 0."""
        counts = self.picks.setdefault(pick.group, {})
        self.picks.move_to_end(pick.group)
        counts[pick.provider] = counts.get(pick.provider, 0) + 1
        if sum(counts.values()) == sum(weight for _, weight in pick.group.weights):
            counts.clear()
        if len(self.picks) > MAX_GROUPS:
            self.picks.popitem(last=False)
