"""The cost ceiling of a request (X-Max-Cost-Per-Request): whether a target fits under it, and with how many tokens.

A request costs at most its whole prompt and its longest answer. The prompt is the estimate scaled by the target's token
calibration. If only the answer is too expensive, it is clamped: the target gets a smaller `max_tokens`, unless it would
be under MIN_OUTPUT_TOKENS or the reasoning budget. A target without a known price never fits.
"""

from __future__ import annotations

from math import floor

from msgspec import Struct

from proxy.config.snapshot import Target
from proxy.routing.facts import MAX_TOKENS_MEMBERS, Facts
from proxy.telemetry.signals import Signal

DEFAULT_OUTPUT_TOKENS = 4096
"""Length of the longest answer where the caller sets no limit."""
MIN_OUTPUT_TOKENS = 16
"""An answer is never clamped to fewer tokens."""


class Admission(Struct, frozen=True):
    """Whether a target may serve a request: as it is, with its answer clamped, or not at all."""

    exclusion: str | None = None
    """Why the target may not serve."""
    max_tokens: int | None = None
    """The number of tokens the answer is clamped to."""


ADMITTED = Admission()
_UNKNOWN_PRICE = Admission("unknown_price")
_OVER_COST = Admission("over_cost")


class CostCeiling:
    """A ceiling in USD for one request. `check` is called once per target."""

    __slots__ = ("_can_clamp", "_max_output_tokens", "_min_output_tokens", "_n", "_prompt_tokens", "_usd")

    def __init__(self, facts: Facts, usd: float) -> None:
        self._usd = usd
        self._prompt_tokens = facts.prompt_tokens
        self._n = facts.billed_choices
        self._max_output_tokens = _max_output_tokens(facts)
        self._min_output_tokens = max(MIN_OUTPUT_TOKENS, facts.reasoning_tokens)
        self._can_clamp = facts.endpoint in MAX_TOKENS_MEMBERS

    def check(self, target: Target, signal: Signal) -> Admission:
        """Return ADMITTED, the tokens that the answer is clamped to, or `unknown_price` or `over_cost`."""
        price = target.price
        if price is None:
            return _UNKNOWN_PRICE
        prompt_tokens = round(self._prompt_tokens * signal.token_ratio)
        rates = price.rates_for(prompt_tokens) if price.tiers else price
        left_usd, usd_per_output_token = self._usd - prompt_tokens * rates.input, rates.output * self._n
        if self._max_output_tokens * usd_per_output_token <= left_usd:
            return ADMITTED
        if not self._can_clamp or usd_per_output_token <= 0:
            return _OVER_COST
        max_tokens = floor(left_usd / usd_per_output_token)
        return Admission(max_tokens=max_tokens) if max_tokens >= self._min_output_tokens else _OVER_COST


def calibrated_prompt_tokens(facts: Facts, signal: Signal) -> int:
    """Return the estimated prompt tokens as this target counts them."""
    return round(facts.prompt_tokens * signal.token_ratio)


def worst_case_usd(target: Target, facts: Facts, signal: Signal) -> float | None:
    """Return the USD of the whole prompt and of the longest answer for each choice, or None if the price is unknown."""
    if target.price is None:
        return None
    return target.price.cost(calibrated_prompt_tokens(facts, signal), _max_output_tokens(facts) * facts.billed_choices)


def _max_output_tokens(facts: Facts) -> int:
    """Embeddings and moderations have no output tokens."""
    has_none = (facts.hub_endpoint or facts.endpoint) in ("embeddings", "moderations")
    return 0 if has_none else facts.max_tokens or DEFAULT_OUTPUT_TOKENS
