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

from proxy.config.regions import kilometres
from proxy.config.snapshot import Target
from proxy.routing import costs
from proxy.routing.question import Question
from proxy.telemetry.signals import Performance, Signal, Spread

EXPLORED = 1 / 20
"""How often `performance` tries the target it knows least of."""
FEW = 10
"""Samples under which a target counts as little known."""
DEGRADED = 0.2


class Candidate(Struct, frozen=True, eq=False):
    """A target with what is known of it."""

    target: Target
    signal: Signal
    weight: float
    """The provider's share, divided among its targets that may serve: regions are not lottery tickets."""
    provider: str
    """Its name."""


@dataclass(frozen=True)
class Lineup:
    """Those who may serve, as they stand at one moment, and what follows from that for every request."""

    candidates: Sequence[Candidate]

    @cached_property
    def tickets(self) -> list[tuple[float, float]]:
        """For each what makes its chance out of a draw, and -1 over its weight in `automatic`."""
        signals = [each.signal for each in self.candidates]
        prices = [_per_token(each.target) for each in self.candidates]
        best = min([ttft for signal in signals if (ttft := signal.performance.ttft_ms.p50)], default=None)
        lowest = min(filter(None, prices), default=None)
        weights = [
            each.weight * _factor(each.signal, best) * _saving(price, lowest)
            for each, price in zip(self.candidates, prices, strict=True)
        ]
        return [
            (multiplier(each.target.id), -1 / weight if weight > 0 else -inf)
            for each, weight in zip(self.candidates, weights, strict=True)
        ]

    @cached_property
    def dearest(self) -> tuple[float, float]:
        """What no candidate's rates exceed; see `costs`."""
        return costs.dearest((each.target, each.signal) for each in self.candidates)

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
    def ids(self) -> frozenset[str]:
        """The ids of the available."""
        return frozenset(each.target.id for each in self.available)

    @cached_property
    def shares(self) -> dict[str, float]:
        """The available providers, as they are listed, each with its share by the file."""
        return {each.provider: each.target.provider.weight for each in self.available}

    @cached_property
    def groups(self) -> dict[Any, Any]:
        """What `balancing` makes of the shares, kept by what is asked for."""
        return {}


class Scene(Struct, frozen=True, gc=False):
    """What a strategy may look at."""

    question: Question
    lineup: Lineup
    in_flight: Callable[[str], int] = lambda target: 0

    @property
    def region(self) -> str:
        """Where the caller is."""
        return self.question.policy.user_region or self.question.region or ""


def _per_token(target: Target) -> float | None:
    """USD of an input and an output token together."""
    return target.price.input + target.price.output if target.price else None


def _factor(signal: Signal, best_ttft: float | None) -> float:
    """What speed and health leave of a weight."""
    ttft = signal.performance.ttft_ms.p50
    factor = best_ttft / ttft if ttft and best_ttft else 1.0
    return factor * DEGRADED if signal.degraded else factor


def _saving(price: float | None, lowest: float | None) -> float:
    """What the price leaves of a weight."""
    return lowest / (price or lowest) if price is not None and lowest else 1.0


def _or_inf(value: float | None) -> float:
    return inf if value is None else value


def drawn(seed: str) -> float:
    """A number in (0, 1), the same for the same seed everywhere and always."""
    return (int.from_bytes(blake2b(seed.encode(), digest_size=6).digest(), "big") + 0.5) / 2**48


def chance(draw: float, target: str) -> float:
    """A number in (0, 1) for each target from one draw: the product with a large number of the target's own, modulo 1."""
    return draw * multiplier(target) % 1.0 or 0.5


@lru_cache(maxsize=8192)
def multiplier(target: str) -> float:
    """From 2**28 to 2**29: large enough to scatter the draws, small enough to leave 24 bits behind the point."""
    return 2.0**28 + int.from_bytes(blake2b(target.encode(), digest_size=6).digest(), "big") / 2**20


def automatic(scene: Scene) -> list[float]:
    """-ln(u)/w: the first place falls to each target with probability w/sum(w) (Efraimidis and Spirakis, 2006)."""
    draw = drawn(scene.question.seed)
    return [log(draw * many % 1.0 or 0.5) * scale for many, scale in scene.lineup.tickets]


def geographic(scene: Scene) -> list[float]:
    """Kilometres from the caller; a target that is nowhere comes last. Ties are broken by observed latency."""
    region = scene.region
    return [kilometres(region, each.target.region) for each in scene.lineup.candidates]


def cost_optimized(scene: Scene) -> list[float]:
    """USD in the worst case; an unknown price comes last."""
    facts = scene.question.facts
    return [_or_inf(costs.worst(each.target, facts, each.signal)) for each in scene.lineup.candidates]


def performance(scene: Scene) -> list[float]:
    """The observed median of what the policy measures; throughput counts downwards. The unknown come last."""
    measured, explored = metric(scene.question), _explored(scene)
    sign = -1.0 if measured == "throughput" else 1.0
    medians = [_spread(each, measured).p50 for each in scene.lineup.candidates]
    return [
        -inf if each is explored else inf if median is None else sign * median
        for each, median in zip(scene.lineup.candidates, medians, strict=True)
    ]


def _explored(scene: Scene) -> Candidate | None:
    """Once in twenty requests, the available target with the fewest samples, if they are few."""
    if chance(drawn(scene.question.seed), "explore") >= EXPLORED:
        return None
    measured = metric(scene.question)
    least = min(scene.lineup.available, key=lambda each: _spread(each, measured).samples, default=None)
    return least if least and _spread(least, measured).samples < FEW else None


def least_busy(scene: Scene) -> list[float]:
    """Requests in flight."""
    return [scene.in_flight(each.target.id) for each in scene.lineup.candidates]


def metric(question: Question) -> str:
    """What is measured: as asked, else the time to the first token of streams and the latency of whole answers."""
    return question.policy.performance_metric or ("ttft" if question.facts.stream else "latency")


_SPREADS: Mapping[str, Callable[[Performance], Spread]] = {
    "ttft": attrgetter("ttft_ms"),
    "latency": attrgetter("latency_ms"),
    "throughput": attrgetter("throughput"),
}


def _spread(candidate: Candidate, metric: str) -> Spread:
    return _SPREADS[metric](candidate.signal.performance)


Strategy = Callable[[Scene], list[float]]
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
