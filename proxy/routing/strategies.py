"""How to order those who may serve: each strategy gives frozen candidates their sort keys, smallest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from math import inf, log
from operator import attrgetter
from typing import Any

from msgspec import Struct

from proxy.config.regions import region_distance_km
from proxy.config.snapshot import Target
from proxy.routing import cost_ceiling
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import Percentiles, Performance, Signal

EXPLORATION_RATE = 1 / 20
"""How often `performance` tries the target it knows least of."""
FEW_SAMPLES = 10
"""Samples under which a target counts as little known."""
DEGRADED_FACTOR = 0.2


class Candidate(Struct, frozen=True, eq=False):
    """A target with what is known of it."""

    target: Target
    signal: Signal
    weight: float
    """The provider's share, divided among its targets that may serve: regions are not lottery tickets."""
    provider_name: str
    """Its name."""


@dataclass(frozen=True)
class CandidateSet:
    """Those who may serve, as they stand at one moment, and what follows from that for every request."""

    candidates: Sequence[Candidate]

    @cached_property
    def lottery_weights(self) -> list[tuple[float, float]]:
        """For each what makes its chance out of a draw, and -1 over its weight in `automatic`."""
        signals = [each.signal for each in self.candidates]
        prices = [_price_per_token(each.target) for each in self.candidates]
        best = min([ttft for signal in signals if (ttft := signal.performance.ttft_ms.p50)], default=None)
        lowest = min(filter(None, prices), default=None)
        weights = [
            each.weight * _speed_and_health_factor(each.signal, best) * _price_factor(price, lowest)
            for each, price in zip(self.candidates, prices, strict=True)
        ]
        return [
            (target_multiplier(each.target.id), -1 / weight if weight > 0 else -inf)
            for each, weight in zip(self.candidates, weights, strict=True)
        ]

    @cached_property
    def dearest(self) -> tuple[float, float]:
        """What no candidate's rates exceed; see `costs`."""
        return cost_ceiling.dearest((each.target, each.signal) for each in self.candidates)

    @cached_property
    def by_ttft(self) -> tuple[list[Candidate], list[Candidate]]:
        """The available and the rest, the fastest first by the median to the first content; the unknown come last."""
        return self._sorted(lambda each: _or_inf(each.signal.performance.ttft_ms.p50))

    @cached_property
    def by_latency(self) -> tuple[list[Candidate], list[Candidate]]:
        """The same by the median to the end of whole answers."""
        return self._sorted(lambda each: _or_inf(each.signal.performance.latency_ms.p50))

    def _sorted(self, key: Callable[[Candidate], float]) -> tuple[list[Candidate], list[Candidate]]:
        rest = [each for each in self.candidates if each.signal.available_in_ms]
        return sorted(self.available, key=key), sorted(rest, key=key)

    @cached_property
    def available(self) -> list[Candidate]:
        """Those who may be tried at their normal place, as they are listed."""
        return [each for each in self.candidates if not each.signal.available_in_ms]

    @cached_property
    def available_ids(self) -> frozenset[str]:
        """The ids of the available."""
        return frozenset(each.target.id for each in self.available)

    @cached_property
    def shares(self) -> dict[str, float]:
        """The available providers, as they are listed, each with its share by the file."""
        return {each.provider_name: each.target.provider.weight for each in self.available}

    @cached_property
    def groups(self) -> dict[Any, Any]:
        """What `balancing` makes of the shares, kept by what is asked for."""
        return {}


class StrategyInput(Struct, frozen=True, gc=False):
    """What a strategy may look at."""

    request: RoutingRequest
    candidate_set: CandidateSet
    in_flight: Callable[[str], int] = lambda target: 0

    @property
    def region(self) -> str:
        """Where the caller is."""
        return self.request.policy.user_region or self.request.default_region or ""


def _price_per_token(target: Target) -> float | None:
    """USD of an input and an output token together."""
    return target.price.input + target.price.output if target.price else None


def _speed_and_health_factor(signal: Signal, best_ttft: float | None) -> float:
    """What speed and health leave of a weight."""
    ttft = signal.performance.ttft_ms.p50
    factor = best_ttft / ttft if ttft and best_ttft else 1.0
    return factor * DEGRADED_FACTOR if signal.degraded else factor


def _price_factor(price: float | None, lowest: float | None) -> float:
    """What the price leaves of a weight."""
    return lowest / (price or lowest) if price is not None and lowest else 1.0


def _or_inf(value: float | None) -> float:
    return inf if value is None else value


def uniform_from_seed(seed: str) -> float:
    """A number in (0, 1), the same for the same seed everywhere and always."""
    return (int.from_bytes(blake2b(seed.encode(), digest_size=6).digest(), "big") + 0.5) / 2**48


def uniform_for_target(draw: float, target: str) -> float:
    """A number in (0, 1) for each target from one draw: the product with a large number of the target's own, modulo 1."""
    return draw * target_multiplier(target) % 1.0 or 0.5


@lru_cache(maxsize=8192)
def target_multiplier(target: str) -> float:
    """From 2**28 to 2**29: large enough to scatter the draws, small enough to leave 24 bits behind the point."""
    return 2.0**28 + int.from_bytes(blake2b(target.encode(), digest_size=6).digest(), "big") / 2**20


def automatic(scene: StrategyInput) -> list[float]:
    """-ln(u)/w: the first place falls to each target with probability w/sum(w) (Efraimidis and Spirakis, 2006)."""
    draw = uniform_from_seed(scene.request.seed)
    return [log(draw * many % 1.0 or 0.5) * scale for many, scale in scene.candidate_set.lottery_weights]


def geographic(scene: StrategyInput) -> list[float]:
    """Kilometres from the caller; a target that is nowhere comes last. Ties are broken by observed latency."""
    region = scene.region
    return [region_distance_km(region, each.target.region) for each in scene.candidate_set.candidates]


def cost_optimized(scene: StrategyInput) -> list[float]:
    """USD in the worst case; an unknown price comes last."""
    facts = scene.request.facts
    return [
        _or_inf(cost_ceiling.worst_case_usd(each.target, facts, each.signal)) for each in scene.candidate_set.candidates
    ]


def performance(scene: StrategyInput) -> list[float]:
    """The observed median of what the policy measures; throughput counts downwards. The unknown come last."""
    measured, explored = performance_metric(scene.request), _target_to_explore(scene)
    sign = -1.0 if measured == "throughput" else 1.0
    medians = [_percentiles(each, measured).p50 for each in scene.candidate_set.candidates]
    return [
        -inf if each is explored else inf if median is None else sign * median
        for each, median in zip(scene.candidate_set.candidates, medians, strict=True)
    ]


def _target_to_explore(scene: StrategyInput) -> Candidate | None:
    """Once in twenty requests, the available target with the fewest samples, if they are few."""
    if uniform_for_target(uniform_from_seed(scene.request.seed), "explore") >= EXPLORATION_RATE:
        return None
    measured = performance_metric(scene.request)
    least = min(scene.candidate_set.available, key=lambda each: _percentiles(each, measured).samples, default=None)
    return least if least and _percentiles(least, measured).samples < FEW_SAMPLES else None


def least_busy(scene: StrategyInput) -> list[float]:
    """Requests in flight."""
    return [scene.in_flight(each.target.id) for each in scene.candidate_set.candidates]


def performance_metric(question: RoutingRequest) -> str:
    """What is measured: as asked, else the time to the first token of streams and the latency of whole answers."""
    return question.policy.performance_metric or ("ttft" if question.facts.stream else "latency")


_PERCENTILES: Mapping[str, Callable[[Performance], Percentiles]] = {
    "ttft": attrgetter("ttft_ms"),
    "latency": attrgetter("latency_ms"),
    "throughput": attrgetter("throughput"),
}


def _percentiles(candidate: Candidate, metric: str) -> Percentiles:
    return _PERCENTILES[metric](candidate.signal.performance)


Strategy = Callable[[StrategyInput], list[float]]
"""Each candidate's sort key, in their order."""

STRATEGIES: Mapping[str, Strategy] = {
    "automatic": automatic,
    "geographic": geographic,
    "cost-optimized": cost_optimized,
    "performance": performance,
    "round-robin": automatic,
    "weighted": automatic,
    "least-busy": least_busy,
}
"""Those that take turns choose the first place in `balancing`; the key orders the rest."""
