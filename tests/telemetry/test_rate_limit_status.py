"""A rate-limit status is valid until the limit is reset."""

from __future__ import annotations

import pytest

from proxy.telemetry.rate_limit_status import RateLimitStatus


@pytest.mark.parametrize(("now", "used_ratio"), [(100, 0.75), (109.9, 0.75), (110, 0.0), (1e9, 0.0)])
def test_the_used_ratio_is_zero_after_the_reset(now: float, used_ratio: float) -> None:
    assert RateLimitStatus(5, None, 0.75, resets_at=110).used_ratio_at(now) == used_ratio


@pytest.mark.parametrize(
    ("requests", "tokens", "exhausted"), [(0, 5, True), (5, 0, True), (5, None, False), (1, 1, False)]
)
def test_a_limit_is_exhausted_when_nothing_is_left(requests: int, tokens: int | None, exhausted: bool) -> None:
    assert RateLimitStatus(requests, tokens, 1.0, 110).is_exhausted is exhausted
