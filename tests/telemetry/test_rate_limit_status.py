"""What a provider said of its limits holds until the limit is reset."""

from __future__ import annotations

import pytest

from proxy.telemetry.rate_limit_status import RateLimitStatus


@pytest.mark.parametrize(("now", "used"), [(100, 0.75), (109.9, 0.75), (110, 0.0), (1e9, 0.0)])
def test_nothing_is_used_of_a_limit_that_was_reset(now: float, used: float) -> None:
    assert RateLimitStatus(5, None, 0.75, resets_at=110).used_ratio_at(now) == used


@pytest.mark.parametrize(("requests", "tokens", "spent"), [(0, 5, True), (5, 0, True), (5, None, False), (1, 1, False)])
def test_a_limit_is_spent_when_nothing_is_left_of_it(requests: int, tokens: int | None, spent: bool) -> None:
    assert RateLimitStatus(requests, tokens, 1.0, 110).is_exhausted is spent
