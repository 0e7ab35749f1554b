"""Strategies: each returns one sort key per candidate. The candidate with the lowest key comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from operator import attrgetter

from msgspec import Struct

from proxy.config.regions import region_distance_km
from proxy.routing.candidates import Candidate
from proxy.routing.cost_ceiling import worst_case_usd
from proxy.routing.decision_cache import CandidateSet
from proxy.routing.lottery import lottery_scores, uniform_for_target, uniform_from_seed
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import Percentiles, Performance

EXPLORATION_RATE = 1 / 20
"""Share of requests for which `performance` tries the target with the fewest samples."""
FEW_SAMPLES = 10
"""A target with fewer samples than this is explored."""


class StrategyInput(Struct, frozen=True):
    """Everything a strategy may read."""

    request: RoutingRequest
    candidate_set: CandidateSet
    in_flight: Callable[[str], int] = lambda target: 0
    """The number of attempts in flight at a target, by its id."""

    @property
    def region(self) -> str:
        """The caller's region, empty if it is unknown."""
        return self.request.policy.user_region or self.request.default_region or ""


def automatic(given: StrategyInput) -> list[float]:
    """Draw lots by weight, time to first token, price and health. See `lottery`."""
    return lottery_scores(given.request.seed, given.candidate_set.lottery_weights())


def geographic(given: StrategyInput) -> list[float]:
    """Return the kilometres from the caller to the target's region. A region that is not on the map comes last."""
    region = given.region
    return [region_distance_km(region, each.target.region) for each in given.candidate_set.candidates]


def cost_optimized(given: StrategyInput) -> list[float]:
    """Return the USD in the worst case. An unknown price comes last."""
    facts = given.request.facts
    costs = [worst_case_usd(each.target, facts, each.signal) for each in given.candidate_set.candidates]
    return [inf if cost is None else cost for cost in costs]


def performance(given: StrategyInput) -> list[float]:
    """Return the observed median of the metric, negative for throughput. Targets without samples come last.

    For one request in twenty the target to explore comes first.
    """
    metric, explored = performance_metric(given.request), _target_to_explore(given)
    sign = -1.0 if metric == "throughput" else 1.0
    medians = [_percentiles(each, metric).p50 for each in given.candidate_set.candidates]
    return [
        -inf if each is explored else inf if median is None else sign * median
        for each, median in zip(given.candidate_set.candidates, medians, strict=True)
    ]


def _target_to_explore(given: StrategyInput) -> Candidate | None:
    """Return the available candidate with the fewest samples, for EXPLORATION_RATE of all seeds and if they are few.

    Only targets of the leading priority are explored, and no last resort.
    """
    if uniform_for_target(uniform_from_seed(given.request.seed), "explore") >= EXPLORATION_RATE:
        return None
    metric, candidates = performance_metric(given.request), given.candidate_set
    leading = sorted(index for indices in candidates.leading_by_provider.values() for index in indices)
    explorable = [candidates.candidates[index] for index in leading if index not in candidates.last_resorts]
    least = min(explorable, key=lambda each: _percentiles(each, metric).samples, default=None)
    return least if least and _percentiles(least, metric).samples < FEW_SAMPLES else None


def least_busy(given: StrategyInput) -> list[float]:
    """Return the attempts in flight."""
    return [given.in_flight(each.target.id) for each in given.candidate_set.candidates]


def performance_metric(request: RoutingRequest) -> str:
    """Return the requested metric, by default `ttft` (time to first token) for streams, else `latency`."""
    return request.policy.performance_metric or ("ttft" if request.facts.stream else "latency")


_PERCENTILES: Mapping[str, Callable[[Performance], Percentiles]] = {
    "ttft": attrgetter("ttft_ms"),
    "latency": attrgetter("latency_ms"),
    "throughput": attrgetter("throughput"),
}


def _percentiles(candidate: Candidate, metric: str) -> Percentiles:
    return _PERCENTILES[metric](candidate.signal.performance)


Strategy = Callable[[StrategyInput], list[float]]
"""Returns the sort keys in the order of the candidates."""

STRATEGIES: Mapping[str, Strategy] = {
    "automatic": automatic,
    "geographic": geographic,
    "cost-optimized": cost_optimized,
    "performance": performance,
    "round-robin": automatic,
    "weighted": automatic,
    "least-busy": least_busy,
}
"""For `round-robin` and `weighted` the first place is chosen by `balancing`, and the keys order the other places."""
