"""What a request may cost at a target, at worst, and how far its answer must be cut to fit a ceiling."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from proxy.config.snapshot import Target
from proxy.routing.facts import Facts
from proxy.telemetry.signals import Signal

USUAL_OUTPUT = 4096
"""Tokens an answer is taken to have at most where the caller does not say."""
LEAST_OUTPUT = 16
"""An answer is never cut below this many tokens."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a request fits a ceiling."""

    max_tokens: int | None
    """What the answer must be cut to, or None if it fits as it is."""


def dollars(cost: float) -> str:
    """USD as a plain decimal number, such as `0.0000123`; never with an exponent."""
    return f"{cost:.10f}".rstrip("0").rstrip(".")


def prompt_tokens(facts: Facts, signal: Signal) -> int:
    """The estimate, as this target's own counts have calibrated it."""
    return round(facts.prompt_tokens * signal.token_ratio)


def worst(target: Target, facts: Facts, signal: Signal) -> float | None:
    """USD for the whole prompt and the longest answer, times n; None if the price is not known."""
    if target.price is None:
        return None
    output = (facts.max_tokens or USUAL_OUTPUT) * facts.n
    return target.price.of(prompt_tokens(facts, signal), output)


def fit(target: Target, facts: Facts, signal: Signal, ceiling: float) -> Fit | None:
    """How the request fits under `ceiling` USD; None if it cannot, or nobody knows."""
    cost = worst(target, facts, signal)
    if cost is None or target.price is None:
        return None
    if cost <= ceiling:
        return Fit(None)
    empty = target.price.of(prompt_tokens(facts, signal), 0)
    each = target.price.of(prompt_tokens(facts, signal), 1) - empty
    room = floor((ceiling - empty) / (each * facts.n)) if each > 0 else 0
    return Fit(room) if room >= LEAST_OUTPUT else None
