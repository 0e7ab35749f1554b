"""What a request may cost at a target, at worst, and how far its answer must be cut to fit a ceiling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, inf

from proxy.config.prices import Price, Rates
from proxy.config.snapshot import Target
from proxy.routing.facts import MAX_TOKENS_MEMBERS, Facts
from proxy.telemetry.signals import Signal

DEFAULT_OUTPUT_TOKENS = 4096
"""Tokens an answer is taken to have at most where the caller does not say."""
MIN_OUTPUT_TOKENS = 16
"""An answer is never cut below this many tokens, nor below its reasoning budget."""


_ROUNDED = 5
"""Tokens: more than rounding adds to an estimate before it is calibrated."""
_UNKNOWN = Rates(inf, inf, inf, inf)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a request fits a ceiling."""

    max_tokens: int | None
    """What the answer must be cut to, or None if it fits as it is."""


AS_IT_IS = Fit(None)


def format_usd(cost: float) -> str:
    """USD as a plain decimal number, such as `0.0000123`; never with an exponent."""
    return f"{cost:.10f}".rstrip("0").rstrip(".")


def calibrated_prompt_tokens(facts: Facts, signal: Signal) -> int:
    """The estimate, as this target's own counts have calibrated it."""
    return round(facts.prompt_tokens * signal.token_ratio)


def worst_case_usd(target: Target, facts: Facts, signal: Signal) -> float | None:
    """USD for the whole prompt and the longest answer, times n; None if the price is not known."""
    if target.price is None:
        return None
    return target.price.cost(calibrated_prompt_tokens(facts, signal), _max_output_tokens(facts) * facts.n)


def _max_output_tokens(facts: Facts) -> int:
    """Tokens of the longest answer; what is made of an embedding or a moderation has none."""
    return 0 if facts.endpoint in ("embeddings", "moderations") else facts.max_tokens or DEFAULT_OUTPUT_TOKENS


def dearest(known: Iterable[tuple[Target, Signal]]) -> tuple[float, float]:
    """USD that a token of the prompt, as estimated, and one of the answer cost at most, whatever the target; or infinity."""
    rates = [(each, signal.token_ratio) for target, signal in known for each in _every_rate(target.price)]
    return max((each.input * ratio for each, ratio in rates), default=inf), max(
        (each.output for each, _ in rates), default=inf
    )


def _every_rate(price: Price | None) -> list[Rates]:
    return [price, *[rates for _, rates in price.tiers]] if price else [_UNKNOWN]


def surely_under(ceiling: float, facts: Facts, dearest: tuple[float, float]) -> bool:
    """Whether the request, its answer uncut, is under `ceiling` USD at rates that no target exceeds."""
    return (facts.prompt_tokens + _ROUNDED) * dearest[0] + _max_output_tokens(facts) * facts.n * dearest[1] <= ceiling


def fit(target: Target, facts: Facts, signal: Signal, ceiling: float) -> Fit | None:
    """How the request fits under `ceiling` USD; None if it cannot, or nobody knows."""
    if target.price is None:
        return None
    prompt = calibrated_prompt_tokens(facts, signal)
    rates = target.price.rates_for(prompt)
    left, each = ceiling - prompt * rates.input, rates.output * facts.n
    if _max_output_tokens(facts) * each <= left:
        return AS_IT_IS
    room = floor(left / each) if each > 0 and facts.endpoint in MAX_TOKENS_MEMBERS else 0
    return Fit(room) if room >= max(MIN_OUTPUT_TOKENS, facts.reasoning_tokens) else None
