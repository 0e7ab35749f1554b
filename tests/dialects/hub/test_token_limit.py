"""A limit above the model's maximum is lowered to it, where the maximum is known."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.token_limit import clamped_limit, exceeds, limit_warnings, most_tokens, requested_limit


@pytest.mark.parametrize("body, most, limit, warnings", [
    ({}, 10, None, ()), ({"max_tokens": 5}, 10, 5, ()), ({"max_tokens": 50}, None, 50, ()),
    ({"max_tokens": 50}, 10, 10, ("max-tokens-clamped;value=10",)),
    ({"max_tokens": 50, "max_completion_tokens": 5}, 10, 5, ()), ({"max_tokens": "x"}, 10, "x", ()),
])  # fmt: skip
def test_the_limit_is_at_most_the_maximum(
    body: dict[str, Any], most: int | None, limit: Any, warnings: tuple[str, ...]
) -> None:
    assert clamped_limit(body, most) == limit and limit_warnings(body, most) == warnings
    assert exceeds(requested_limit(body), most) is bool(warnings)


def test_the_longest_prefix_of_the_name_tells_the_maximum() -> None:
    table = {"m": 1, "m-1": 2}
    assert [most_tokens(model, table) for model in ("m-1.5", "m-2", "x")] == [2, 1, None]
