"""Whose turn it is: exact shares, counted per group of requests that could go to the same providers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from math import gcd

from msgspec import Struct

from proxy.routing.routing_request import RoutingRequest
from proxy.routing.strategies import CandidateSet

SHARE_PRECISION = 10_000
"""Parts into which the file's shares are rounded."""
MAX_GROUPS = 1024
"""Groups remembered; the least used are forgotten first."""

BALANCING_STRATEGIES = ("round-robin", "weighted")
"""Strategies that take turns over everybody."""


class BalancingGroup(Struct, frozen=True, gc=False):
    """Requests that take turns together: the model asked for, and the available providers with their weights."""

    model: str
    weights: tuple[tuple[str, int], ...]


class BalancedPick(Struct, frozen=True, gc=False):
    """A place given by turn; recorded if the decision is live."""

    group: BalancingGroup
    provider: str


def next_pick(
    question: RoutingRequest, lineup: CandidateSet, picks: Mapping[BalancingGroup, Mapping[str, int]]
) -> BalancedPick | None:
    """Whose turn it is among the available; None if nobody asked for turns, or nobody has a weight."""
    asked, policy = balancing_mode(question), question.policy
    if asked is None:
        return None
    key = asked, policy.load_balance_providers, policy.provider_weights
    found: tuple[BalancingGroup, int] | None = lineup.groups.get(key)
    if found is None:
        weights = _integer_weights(question, asked, lineup.shares)
        found = lineup.groups[key] = BalancingGroup(question.facts.model, weights), sum(weight for _, weight in weights)
    group, total = found
    return BalancedPick(group, _furthest_behind(group.weights, total, picks.get(group, {}))) if total else None


def balancing_mode(question: RoutingRequest) -> str | None:
    """How turns are given; None if nobody asked for any."""
    policy = question.policy
    if policy.load_balance_strategy:
        return policy.load_balance_strategy
    if policy.provider_weights:
        return "weighted"
    if policy.load_balance_providers:
        return "round-robin"
    strategy = policy.routing_strategy or question.default_strategy
    return strategy if strategy in BALANCING_STRATEGIES else None


def _integer_weights(question: RoutingRequest, asked: str, shares: Mapping[str, float]) -> tuple[tuple[str, int], ...]:
    """Whole weights of those who take turns, in lowest terms, in listed order; names without one are left out."""
    policy = question.policy
    names = [name for name in policy.load_balance_providers or shares if name in shares]
    if asked == "round-robin":
        return tuple((name, 1) for name in names)
    given = dict(policy.provider_weights)
    whole = {name: given.get(name, 0) if given else round(shares[name] * SHARE_PRECISION) for name in names}
    divisor = gcd(*whole.values())
    return tuple((name, weight // divisor) for name, weight in whole.items() if weight)


def _furthest_behind(weights: Sequence[tuple[str, int]], total: int, picks: Mapping[str, int]) -> str:
    """The one furthest behind its share: the largest weight x (n + 1) - picks x total, the first listed on a tie."""
    n = sum(picks.values()) + 1
    behind = [weight * n - picks.get(name, 0) * total for name, weight in weights]
    return weights[behind.index(max(behind))][0]


class BalancerState:
    """The turns taken so far."""

    def __init__(self) -> None:
        self.picks: OrderedDict[BalancingGroup, dict[str, int]] = OrderedDict()

    def record(self, turn: BalancedPick) -> None:
        """Count one; when a whole round is over its counts begin anew, so they stay small."""
        picks = self.picks.setdefault(turn.group, {})
        self.picks.move_to_end(turn.group)
        picks[turn.provider] = picks.get(turn.provider, 0) + 1
        if sum(picks.values()) == sum(weight for _, weight in turn.group.weights):
            picks.clear()
        if len(self.picks) > MAX_GROUPS:
            self.picks.popitem(last=False)
