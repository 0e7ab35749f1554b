"""What a request may cost at worst, and how far its answer is cut to fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from proxy.config.prices import Price, Rates
from proxy.routing.cost_ceiling import calibrated_prompt_tokens, fit, worst_case_usd
from proxy.routing.facts import Facts
from proxy.telemetry.signals import UNTRIED_SIGNAL, Signal
from tests.routing.fixtures import WORLD

DEAR = replace(WORLD.targets("m")[0], price=Price.from_per_million(10, 1000))
"""A cent for a thousand tokens in, a dollar for a thousand out."""
FREE = replace(DEAR, price=Price.from_per_million(0, 0))
TIERED = replace(DEAR, price=replace(DEAR.price, tiers=((1000, Rates.from_per_million(20, 2000)),)))
UNPRICED = replace(DEAR, price=None)


def chat(prompt: int = 0, most: int | None = None, **facts: object) -> Facts:
    return Facts(endpoint="chat", prompt_tokens=prompt, max_tokens=most, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "facts", "ratio", "cost"),
    [
        (DEAR, chat(1000, 100), 1.0, 0.01 + 0.1),
        (DEAR, chat(1000, 100), 1.5, 0.015 + 0.1),
        (DEAR, chat(1000, 100, n=3), 1.0, 0.01 + 0.3),
        (DEAR, chat(1000), 1.0, 0.01 + 4.096),
        (TIERED, chat(1000, 100), 1.0, 0.01 + 0.1),
        (TIERED, chat(1001, 100), 1.0, 0.02002 + 0.2),
        (DEAR, structs.replace(chat(1000, 100), endpoint="embeddings"), 1.0, 0.01),
        (DEAR, structs.replace(chat(1000), endpoint="images"), 1.0, 0.01 + 4.096),
        (FREE, chat(1000, 100), 1.0, 0.0),
        (UNPRICED, chat(1000, 100), 1.0, None),
    ],
)
def test_the_worst_case_is_the_whole_prompt_and_the_longest_answer(
    target: object, facts: Facts, ratio: float, cost: float | None
) -> None:
    found = worst_case_usd(target, facts, Signal(token_ratio=ratio))  # type: ignore[arg-type]
    assert found == (None if cost is None else pytest.approx(cost))


@pytest.mark.parametrize(
    ("target", "facts", "ceiling", "cut"),
    [
        (DEAR, chat(1000, 100), 0.11, None),
        (DEAR, chat(1000, 100), 0.0601, 50),
        (DEAR, chat(1000, 100, n=2), 0.0601, 25),
        (DEAR, chat(1000), 1.0101, 1000),
        (DEAR, chat(1000, 100), 0.0261, 16),
        (DEAR, chat(1000, 100), 0.0259, "over"),
        (DEAR, chat(1000, 100), 0.005, "over"),
        (DEAR, chat(1000, 100, reasoning_tokens=50), 0.0601, 50),
        (DEAR, chat(1000, 100, reasoning_tokens=51), 0.0601, "over"),
        (DEAR, structs.replace(chat(1000), endpoint="images"), 1.0, "over"),
        (DEAR, structs.replace(chat(1000), endpoint="embeddings"), 0.01, None),
        (FREE, chat(10**9), 1e-9, None),
        (UNPRICED, chat(), 100.0, "over"),
    ],
)
def test_an_answer_is_cut_as_far_as_the_ceiling_needs_and_no_further(
    target: object, facts: Facts, ceiling: float, cut: object
) -> None:
    found = fit(target, facts, UNTRIED_SIGNAL, ceiling)  # type: ignore[arg-type]
    assert ("over" if found is None else found.max_tokens) == cut


def test_a_prompt_is_counted_as_the_target_counts() -> None:
    assert calibrated_prompt_tokens(chat(1000), Signal(token_ratio=1.234)) == 1234
