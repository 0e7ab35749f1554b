"""How to order those who may serve: each strategy is a sort key over frozen candidates, smallest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from math import inf, log

from msgspec import Struct

from proxy.config.regions import kilometres
from proxy.config.snapshot import Target
from proxy.routing import costs
from proxy.routing.question import Question
from proxy.telemetry.signals import Signal, Spread

EXPLORED = 1 / 20
"""How often `performance` tries the target it knows least of."""
FEW = 10
"""Samples under which a target counts as little known."""
DEGRADED = 0.2


class Candidate(Struct, frozen=True):
    """A target with what is known of it."""

    target: Target
    signal: Signal
    weight: float
    """The provider's share, divided among its targets that may serve: regions are not lottery tickets."""


@dataclass(frozen=True)
class Scene:
    """The question, and what of all candidates together a key may need; worked out where a key asks for it."""

    question: Question
    candidates: Sequence[Candidate]

    @cached_property
    def region(self) -> str:
        """Where the caller is."""
        return self.question.policy.user_region or self.question.region or ""

    @cached_property
    def draw(self) -> float:
        """The seed as a number in (0, 1)."""
        return drawn(self.question.seed)

    @cached_property
    def best_ttft(self) -> float | None:
        """The shortest median in milliseconds."""
        return min([ttft for each in self.candidates if (ttft := each.signal.performance.ttft_ms.p50)], default=None)

    @cached_property
    def lowest_price(self) -> float | None:
        """USD of an input and an output token together, of those that cost anything."""
        prices = [price.input + price.output for each in self.candidates if (price := each.target.price)]
        return min(filter(None, prices), default=None)

    @cached_property
    def metric(self) -> str:
        """What `performance` goes by."""
        return metric(self.question)

    @cached_property
    def explored(self) -> str | None:
        """Once in twenty requests, the available target with the fewest samples, if they are few."""
        if chance(self.draw, "explore") >= EXPLORED:
            return None
        available = [each for each in self.candidates if not each.signal.available_in_ms]
        least = min(available, key=lambda each: _spread(each, self.metric).samples, default=None)
        return least.target.id if least and _spread(least, self.metric).samples < FEW else None


def drawn(seed: str) -> float:
    """A number in (0, 1), the same for the same seed everywhere and always."""
    return (int.from_bytes(blake2b(seed.encode(), digest_size=6).digest(), "big") + 0.5) / 2**48


def chance(draw: float, target: str) -> float:
    """A number in (0, 1) for each target from one draw: the product with a large number of the target's own, modulo 1."""
    return draw * _multiplier(target) % 1.0 or 0.5


@lru_cache(maxsize=8192)
def _multiplier(target: str) -> float:
    """From 2**28 to 2**29: large enough to scatter the draws, small enough to leave 24 bits behind the point."""
    return 2.0**28 + int.from_bytes(blake2b(target.encode(), digest_size=6).digest(), "big") / 2**20


def automatic(candidate: Candidate, scene: Scene) -> float:
    """-ln(u)/w: the first place falls to each target with probability w/sum(w) (Efraimidis and Spirakis, 2006)."""
    weight = candidate.weight
    ttft, price = candidate.signal.performance.ttft_ms.p50, candidate.target.price
    if ttft and scene.best_ttft:
        weight *= scene.best_ttft / ttft
    if price and scene.lowest_price:
        weight *= scene.lowest_price / (price.input + price.output or scene.lowest_price)
    if candidate.signal.degraded:
        weight *= DEGRADED
    return -log(chance(scene.draw, candidate.target.id)) / weight if weight > 0 else inf


def geographic(candidate: Candidate, scene: Scene) -> float:
    """Kilometres from the caller; a target that is nowhere comes last. Ties are broken by observed latency."""
    return kilometres(scene.region, candidate.target.region)


def cost_optimized(candidate: Candidate, scene: Scene) -> float:
    """USD in the worst case; an unknown price comes last."""
    cost = costs.worst(candidate.target, scene.question.facts, candidate.signal)
    return inf if cost is None else cost


def performance(candidate: Candidate, scene: Scene) -> float:
    """The observed median of what the policy measures; throughput counts downwards. The unknown come last."""
    if candidate.target.id == scene.explored:
        return -inf
    median = _spread(candidate, scene.metric).p50
    if median is None:
        return inf
    return -median if scene.metric == "throughput" else median


def least_busy(candidate: Candidate, scene: Scene) -> float:
    """Requests in flight."""
    return candidate.signal.in_flight


def metric(question: Question) -> str:
    """What is measured: as asked, else the time to the first token of streams and the latency of whole answers."""
    return question.policy.performance_metric or ("ttft" if question.facts.stream else "latency")


def _spread(candidate: Candidate, metric: str) -> Spread:
    measured = candidate.signal.performance
    spreads = {"ttft": measured.ttft_ms, "latency": measured.latency_ms, "throughput": measured.throughput}
    return spreads[metric]


Strategy = Callable[[Candidate, Scene], float]

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
