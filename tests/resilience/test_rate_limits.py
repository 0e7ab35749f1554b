"""An account at a limit of the file's is busy until what it used is a minute old."""

from __future__ import annotations

import pytest

from proxy.config.schema import ProviderLimits
from proxy.config.snapshot import Provider
from proxy.resilience.rate_limits import RateLimiter


def provider(**limits: int) -> dict[str, Provider]:
    return {"a": Provider("a", "openai", 1.0, limits=ProviderLimits(**limits))}


def test_requests_are_counted_for_a_minute() -> None:
    usage, account = RateLimiter(), provider(requests_per_minute=3)
    for now in (1.0, 2.0, 11.0):
        assert usage.limited_for_ms(account, now) == {}
        usage.start_attempt("a", now)
    assert usage.limited_for_ms(account, 11.0) == {"a": 54_000}  # the first bucket began at 0 and is over at 65
    assert usage.limited_for_ms(account, 64.9) == {"a": 100}
    assert usage.limited_for_ms(account, 65.0) == {}


def test_tokens_are_counted_when_they_are_known() -> None:
    usage, account = RateLimiter(), provider(tokens_per_minute=100)
    usage.start_attempt("a", 0.0)
    assert usage.limited_for_ms(account, 0.0) == {}
    usage.end_attempt("a", 100, 1.0)
    assert "a" in usage.limited_for_ms(account, 1.0)
    assert usage.limited_for_ms(account, 70.0) == {}


@pytest.mark.parametrize(("in_flight", "busy"), [(1, False), (2, True), (3, True)])
def test_no_more_attempts_at_once_than_allowed(in_flight: int, busy: bool) -> None:
    usage, account = RateLimiter(), provider(concurrency=2)
    for _ in range(in_flight):
        usage.start_attempt("a", 0.0)
    assert ("a" in usage.limited_for_ms(account, 0.0)) is busy
    for _ in range(in_flight):
        usage.end_attempt("a", 0, 0.0)
    assert usage.limited_for_ms(account, 0.0) == {}


def test_without_limits_nobody_is_busy() -> None:
    usage = RateLimiter()
    usage.start_attempt("a", 0.0)
    assert usage.limited_for_ms({"a": Provider("a", "openai", 1.0)}, 0.0) == {}
    assert usage.limited_for_ms(provider(), 0.0) == {}
