"""The cost of an answer is that of its tokens, cached ones at their own price."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.config.prices import Price
from proxy.routing.usage_cost import usage_usd
from tests.fakes import snapshot

TARGET = snapshot().models["m"][0]


def test_without_a_price_it_is_unknown() -> None:
    assert usage_usd(replace(TARGET, price=None), {"prompt_tokens": 1}) is None


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 4}, 12.0),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 8}}, 6.0),
        ({"prompt_tokens": None, "completion_tokens": 4, "prompt_tokens_details": "odd"}, 2.0),
    ],
)
def test_tokens_have_their_price(usage: dict[str, object], usd: float) -> None:
    assert usage_usd(replace(TARGET, price=Price(1.0, 0.5, 0.5, 0)), usage) == usd
