"""The worst case of a request at a target, and how its answer is clamped to fit under a ceiling."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from proxy.config.prices import Price, Rates
from proxy.config.snapshot import Target
from proxy.routing.cost_ceiling import CostCeiling, calibrated_prompt_tokens, worst_case_usd
from proxy.routing.facts import Facts
from proxy.telemetry.signals import UNTRIED_SIGNAL, Signal
from tests.routing.fixtures import WORLD

PRICED = replace(WORLD.targets("m")[0], price=Price.from_per_million(10, 1000))
"""1,000 input tokens cost 0.01 USD, 1,000 output tokens 1 USD."""
FREE = replace(PRICED, price=Price.from_per_million(0, 0))
FREE_OUTPUT = replace(PRICED, price=Price.from_per_million(10, 0))
TIERED = replace(PRICED, price=replace(PRICED.price, tiers=((1000, Rates.from_per_million(20, 2000)),)))
"""Twice the price for prompts of more than 1,000 tokens."""
UNPRICED = replace(PRICED, price=None)


def chat(prompt_tokens: int = 0, max_tokens: int | None = None, **facts: object) -> Facts:
    return Facts(endpoint="chat", prompt_tokens=prompt_tokens, max_tokens=max_tokens, **facts)  # type: ignore[arg-type]


def check(target: Target, facts: Facts, usd: float, token_ratio: float = 1.0) -> int | str | None:
    """Return the exclusion, the tokens that the answer is clamped to, or None if the request fits as it is."""
    admission = CostCeiling(facts, usd).check(target, Signal(token_ratio=token_ratio))
    return admission.exclusion or admission.max_tokens


@pytest.mark.parametrize(
    ("target", "facts", "ratio", "usd"),
    [
        (PRICED, chat(1000, 100), 1.0, 0.01 + 0.1),
        (PRICED, chat(1000, 100), 1.5, 0.015 + 0.1),
        (PRICED, chat(1000, 100, n=3), 1.0, 0.01 + 0.3),
        (PRICED, chat(1000, 100, n=2, discarded_choices=1), 1.0, 0.01 + 0.3),
        (PRICED, chat(1000), 1.0, 0.01 + 4.096),
        (TIERED, chat(1000, 100), 1.0, 0.01 + 0.1),
        (TIERED, chat(1001, 100), 1.0, 0.02002 + 0.2),
        (TIERED, chat(900, 100), 1.2, 0.0216 + 0.2),
        (PRICED, structs.replace(chat(1000, 100), endpoint="embeddings"), 1.0, 0.01),
        (PRICED, structs.replace(chat(1000), endpoint="embed_content", hub_endpoint="embeddings"), 1.0, 0.01),
        (PRICED, structs.replace(chat(1000), endpoint="images"), 1.0, 0.01 + 4.096),
        (FREE, chat(1000, 100), 1.0, 0.0),
        (UNPRICED, chat(1000, 100), 1.0, None),
    ],
)
def test_worst_case_is_the_whole_prompt_and_the_longest_answer(
    target: Target, facts: Facts, ratio: float, usd: float | None
) -> None:
    found = worst_case_usd(target, facts, Signal(token_ratio=ratio))
    assert found == (None if usd is None else pytest.approx(usd))


@pytest.mark.parametrize(
    ("target", "facts", "ceiling", "result"),
    [
        (PRICED, chat(1000, 100), 0.11, None),
        (PRICED, chat(1000, 100), 0.0601, 50),
        (PRICED, chat(1000, 100, n=2), 0.0601, 25),
        (PRICED, chat(1000), 1.0101, 1000),
        (PRICED, chat(1000, 100), 0.0261, 16),
        (PRICED, chat(1000, 100), 0.0259, "over_cost"),
        (PRICED, chat(1000, 100), 0.005, "over_cost"),
        (PRICED, chat(1000, 100, reasoning_tokens=50), 0.0601, 50),
        (PRICED, chat(1000, 100, reasoning_tokens=51), 0.0601, "over_cost"),
        (PRICED, structs.replace(chat(1000), endpoint="images"), 1.0, "over_cost"),
        (PRICED, structs.replace(chat(1000), endpoint="embeddings"), 0.01, None),
        (FREE, chat(10**9), 1e-9, None),
        (FREE_OUTPUT, chat(1000), 0.0099, "over_cost"),
        (UNPRICED, chat(), 100.0, "unknown_price"),
    ],
)
def test_an_answer_is_clamped_only_as_far_as_the_ceiling_requires(
    target: Target, facts: Facts, ceiling: float, result: int | str | None
) -> None:
    assert check(target, facts, ceiling) == result


@pytest.mark.parametrize(
    ("ratio", "ceiling", "result"),
    [
        (1.0, 0.1101, None),
        (0.5, 0.1051, None),
        (1.5, 0.1151, None),
        (1.5, 0.1101, 95),  # 1,500 calibrated tokens leave 0.0951 USD of the ceiling
        (2.0, 0.1101, 90),
        (20.0, 0.1101, "over_cost"),
        (0.5, 0.0601, 55),
    ],
)
def test_the_prompt_is_priced_as_the_target_counts_its_tokens(
    ratio: float, ceiling: float, result: int | str | None
) -> None:
    assert check(PRICED, chat(1000, 100), ceiling, ratio) == result


@pytest.mark.parametrize(
    ("prompt_tokens", "ratio", "ceiling", "result"),
    [
        (1000, 1.0, 0.1101, None),
        (1001, 1.0, 0.1101, 45),  # (0.1101 - 0.02002) / 0.002
        (1001, 1.0, 0.2201, None),
        (900, 1.1, 0.1101, None),  # 990 tokens as the target counts: the lower tier
        (900, 1.2, 0.1101, 44),  # 1,080 tokens as the target counts: the higher one
        (1100, 0.9, 0.1101, None),
        (1000, 1.0004, 0.1101, None),
        (1000, 1.0006, 0.1101, 45),
    ],
)
def test_a_prompt_is_priced_by_the_tier_of_its_calibrated_length(
    prompt_tokens: int, ratio: float, ceiling: float, result: int | str | None
) -> None:
    assert check(TIERED, chat(prompt_tokens, 100), ceiling, ratio) == result


@pytest.mark.parametrize(("ceiling", "tokens"), [(0.06001, 50), (0.0605, 50), (0.06099, 50), (0.06101, 51)])
def test_a_clamp_is_rounded_down_so_that_it_never_costs_more_than_the_ceiling(ceiling: float, tokens: int) -> None:
    assert check(PRICED, chat(1000, 100), ceiling) == tokens
    assert (worst_case_usd(PRICED, chat(1000, tokens), UNTRIED_SIGNAL) or 0) <= ceiling
    assert (worst_case_usd(PRICED, chat(1000, tokens + 1), UNTRIED_SIGNAL) or 0) > ceiling


@pytest.mark.parametrize(("ratio", "tokens"), [(1.0, 1000), (1.234, 1234), (1.0004, 1000), (1.0006, 1001), (0.5, 500)])
def test_calibrated_tokens_are_the_nearest_whole_number(ratio: float, tokens: int) -> None:
    assert calibrated_prompt_tokens(chat(1000), Signal(token_ratio=ratio)) == tokens
