"""The weighted lottery of the `automatic` strategy: reproducible random numbers, and what changes a target's chance.

All chance comes from the request's seed, so the same seed gives the same decision in every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from math import inf, log

from proxy.config.snapshot import Target
from proxy.routing.candidates import Candidate
from proxy.telemetry.signals import Signal

DEGRADED_FACTOR = 0.2
"""What being degraded leaves of a target's weight."""


def uniform_from_seed(seed: str) -> float:
    """Return a number in (0, 1) that depends on the seed alone."""
    return (int.from_bytes(blake2b(seed.encode(), digest_size=6).digest(), "big") + 0.5) / 2**48


def uniform_for_target(draw: float, target_id: str) -> float:
    """Return a number in (0, 1) for one target from the request's draw: draw x target_multiplier, modulo 1."""
    return draw * target_multiplier(target_id) % 1.0 or 0.5


@lru_cache(maxsize=8192)
def target_multiplier(target_id: str) -> float:
    """Return a target's own number from 2**28 to 2**29.

    Large enough to scatter close draws, small enough to leave 24 bits behind the binary point.
    """
    return 2.0**28 + int.from_bytes(blake2b(target_id.encode(), digest_size=6).digest(), "big") / 2**20


def lottery_weights(candidates: Sequence[Candidate]) -> list[tuple[float, float]]:
    """Return (target_multiplier, -1 / w) for each candidate. The second is -inf where w is 0.

    w = weight x (best ttft / own ttft) x (lowest price / own price) x 0.2 if degraded. An unknown factor is 1.
    """
    prices = [_price_per_token(each.target) for each in candidates]
    medians = [each.signal.performance.ttft_ms.p50 for each in candidates]
    best_ttft = min(filter(None, medians), default=None)
    lowest_price = min(filter(None, prices), default=None)
    weights = [
        each.weight * _speed_and_health_factor(each.signal, best_ttft) * _price_factor(price, lowest_price)
        for each, price in zip(candidates, prices, strict=True)
    ]
    return [
        (target_multiplier(each.target.id), -1 / weight if weight > 0 else -inf)
        for each, weight in zip(candidates, weights, strict=True)
    ]


def lottery_scores(seed: str, weights: Sequence[tuple[float, float]]) -> list[float]:
    """Return -ln(u) / w for each candidate, u being its number in (0, 1). `weights` are those of `lottery_weights`.

    Each candidate has the lowest score with probability w / sum(w) (Efraimidis and Spirakis, 2006).
    """
    draw = uniform_from_seed(seed)
    return [log(draw * multiplier % 1.0 or 0.5) * scale for multiplier, scale in weights]


def _price_per_token(target: Target) -> float | None:
    """USD of one input and one output token together."""
    return target.price.input + target.price.output if target.price else None


def _speed_and_health_factor(signal: Signal, best_ttft: float | None) -> float:
    ttft = signal.performance.ttft_ms.p50
    factor = best_ttft / ttft if ttft and best_ttft else 1.0
    return factor * DEGRADED_FACTOR if signal.degraded else factor


def _price_factor(price: float | None, lowest: float | None) -> float:
    return lowest / (price or lowest) if price is not None and lowest else 1.0
