"""A rate-limit status is valid until the limit is reset."""

from __future__ import annotations

import pytest

from proxy.telemetry.rate_limit_status import LatestRateLimits, RateLimitStatus


@pytest.mark.parametrize(("now", "used_ratio"), [(100, 0.75), (109.9, 0.75), (110, 0.0), (1e9, 0.0)])
def test_the_used_ratio_is_zero_after_the_reset(now: float, used_ratio: float) -> None:
    assert RateLimitStatus(5, None, 0.75, resets_at=110).used_ratio_at(now) == used_ratio


@pytest.mark.parametrize(
    ("requests", "tokens", "exhausted"), [(0, 5, True), (5, 0, True), (5, None, False), (1, 1, False)]
)
def test_a_limit_is_exhausted_when_nothing_is_left(requests: int, tokens: int | None, exhausted: bool) -> None:
    assert RateLimitStatus(requests, tokens, 1.0, 110).is_exhausted is exhausted


def test_only_what_nothing_is_left_of_now_or_was_before_is_urgent() -> None:
    limits, free, used_up = LatestRateLimits(), RateLimitStatus(5, None, 0.5, 110), RateLimitStatus(0, None, 1.0, 110)
    assert [limits.record(status) for status in (free, used_up, used_up, lambda: free, free)] == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_limits_of_which_something_is_left_are_parsed_when_somebody_asks_and_once() -> None:
    limits, status, parsed = LatestRateLimits(), RateLimitStatus(5, None, 0.5, 110), []
    limits.record(lambda: parsed.append(1) or status)
    assert parsed == []
    assert limits.status is limits.status is status
    assert parsed == [1]
