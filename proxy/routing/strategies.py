"""How to order those who may serve: each strategy is a sort key over frozen candidates, smallest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import inf, log

from proxy.config.regions import REGIONS, Region, distance
from proxy.config.snapshot import Target
from proxy.routing import costs
from proxy.routing.question import Question
from proxy.telemetry.signals import Signal, Spread

EXPLORED = 1 / 20
"""How often `performance` tries the target it knows least of."""
FEW = 10
"""Samples under which a target counts as little known."""
DEGRADED = 0.2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target with what is known of it."""

    target: Target
    signal: Signal
    weight: float
    """The provider's share, divided among its targets that may serve: regions are not lottery tickets."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The question, and what of all candidates together a key may need."""

    question: Question
    place: Region | None = None
    """Where the caller is."""
    best_ttft: float | None = None
    lowest_price: float | None = None
    explored: str | None = None
    """The target that `performance` looks at this time."""


def scene(question: Question, candidates: Sequence[Candidate]) -> Scene:
    """The scene of these candidates."""
    region = question.policy.user_region or question.region
    ttfts = [ttft for each in candidates if (ttft := each.signal.performance.ttft_ms.p50)]
    prices = [price for each in candidates if (price := _price(each))]
    return Scene(
        question=question,
        place=REGIONS.get(region) if region else None,
        best_ttft=min(ttfts, default=None),
        lowest_price=min(prices, default=None),
        explored=_explored(question, candidates),
    )


def _explored(question: Question, candidates: Sequence[Candidate]) -> str | None:
    """Once in twenty requests, the available target with the fewest samples, if they are few."""
    if chance(question.seed, "explore") >= EXPLORED:
        return None
    available = [each for each in candidates if not each.signal.available_in_ms]
    least = min(available, key=lambda each: _spread(each, question).samples, default=None)
    return least.target.id if least and _spread(least, question).samples < FEW else None


def chance(seed: str, target: str) -> float:
    """A number in (0, 1), the same for the same seed and target everywhere and always."""
    digest = blake2b(f"{seed}\0{target}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 1) / (2**64 + 1)


def _price(candidate: Candidate) -> float | None:
    """USD of an input and an output token together: what targets are compared by."""
    price = candidate.target.price
    return price.input + price.output if price else None


def automatic(candidate: Candidate, scene: Scene) -> float:
    """-ln(u)/w: the first place falls to each target with probability w/sum(w) (Efraimidis and Spirakis, 2006)."""
    weight = candidate.weight
    ttft, price = candidate.signal.performance.ttft_ms.p50, _price(candidate)
    if ttft and scene.best_ttft:
        weight *= scene.best_ttft / ttft
    if price and scene.lowest_price:
        weight *= scene.lowest_price / price
    if candidate.signal.degraded:
        weight *= DEGRADED
    return -log(chance(scene.question.seed, candidate.target.id)) / weight if weight > 0 else inf


def geographic(candidate: Candidate, scene: Scene) -> float:
    """Kilometres from the caller; a target that is nowhere comes last. Ties are broken by observed latency."""
    place = candidate.target.place
    return distance(scene.place, place) if scene.place and place else inf


def cost_optimized(candidate: Candidate, scene: Scene) -> float:
    """USD in the worst case; an unknown price comes last."""
    cost = costs.worst(candidate.target, scene.question.facts, candidate.signal)
    return inf if cost is None else cost


def performance(candidate: Candidate, scene: Scene) -> float:
    """The observed median of what the policy measures; throughput counts downwards. The unknown come last."""
    if candidate.target.id == scene.explored:
        return -inf
    median = _spread(candidate, scene.question).p50
    if median is None:
        return inf
    return -median if metric(scene.question) == "throughput" else median


def least_busy(candidate: Candidate, scene: Scene) -> float:
    """Requests in flight."""
    return candidate.signal.in_flight


def metric(question: Question) -> str:
    """What is measured: as asked, else the time to the first token of streams and the latency of whole answers."""
    return question.policy.performance_metric or ("ttft" if question.facts.stream else "latency")


def _spread(candidate: Candidate, question: Question) -> Spread:
    measured = candidate.signal.performance
    spreads = {"ttft": measured.ttft_ms, "latency": measured.latency_ms, "throughput": measured.throughput}
    return spreads[metric(question)]


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
