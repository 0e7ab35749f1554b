"""How to order those who may serve: each strategy is a sort key over frozen candidates, smallest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import inf, log

from proxy.config.snapshot import Target
from proxy.telemetry.signals import Signal


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target with what is known of it."""

    target: Target
    signal: Signal
    weight: float
    """The provider's share, divided among its targets that may serve: regions are not lottery tickets."""


def chance(seed: str, target: str) -> float:
    """A number in (0, 1), the same for the same seed and target everywhere and always."""
    digest = blake2b(f"{seed}\0{target}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 1) / (2**64 + 1)


def automatic(candidate: Candidate, seed: str) -> float:
    """-ln(u)/w: the first place falls to each target with probability w/sum(w) (Efraimidis and Spirakis, 2006)."""
    return -log(chance(seed, candidate.target.id)) / candidate.weight if candidate.weight > 0 else inf


Strategy = Callable[[Candidate, str], float]

STRATEGIES: Mapping[str, Strategy] = {"automatic": automatic}
