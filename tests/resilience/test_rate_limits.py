"""A provider at a configured limit is limited until enough of its limiter is a minute old."""

from __future__ import annotations

import pytest

from proxy.config.schema import ProviderLimits
from proxy.config.snapshot import Provider
from proxy.resilience.rate_limits import RateLimiter


def provider(**limits: int) -> dict[str, Provider]:
    return {"a": Provider("a", "openai", 1.0, limits=ProviderLimits(**limits))}


def test_requests_are_counted_for_a_minute() -> None:
    limiter, account = RateLimiter(), provider(requests_per_minute=3)
    for now in (1.0, 2.0, 11.0):
        assert limiter.limited_for_ms(account, now) == {}
        limiter.start_attempt("a", now)
    assert limiter.limited_for_ms(account, 11.0) == {"a": 54_000}  # the first bucket started at 0 and counts until 65
    assert limiter.limited_for_ms(account, 64.9) == {"a": 100}
    assert limiter.limited_for_ms(account, 65.0) == {}


def test_tokens_are_counted_at_the_end_of_an_attempt() -> None:
    limiter, account = RateLimiter(), provider(tokens_per_minute=100)
    usage = limiter.start_attempt("a", 0.0)
    assert limiter.limited_for_ms(account, 0.0) == {}
    usage.end_attempt(100, 1.0)
    assert "a" in limiter.limited_for_ms(account, 1.0)
    assert limiter.limited_for_ms(account, 70.0) == {}


@pytest.mark.parametrize(("in_flight", "limited"), [(1, False), (2, True), (3, True)])
def test_concurrent_attempts_are_limited(in_flight: int, limited: bool) -> None:
    limiter, account = RateLimiter(), provider(concurrency=2)
    usages = [limiter.start_attempt("a", 0.0) for _ in range(in_flight)]
    assert ("a" in limiter.limited_for_ms(account, 0.0)) is limited
    for usage in usages:
        usage.end_attempt(0, 0.0)
    assert limiter.limited_for_ms(account, 0.0) == {}


def test_a_provider_without_limits_is_never_limited() -> None:
    limiter = RateLimiter()
    limiter.start_attempt("a", 0.0)
    assert limiter.limited_for_ms({"a": Provider("a", "openai", 1.0)}, 0.0) == {}
    assert limiter.limited_for_ms(provider(), 0.0) == {}


def test_usage_must_fall_below_the_limit() -> None:
    limiter, account = RateLimiter(), provider(requests_per_minute=2)
    for now in (1.0, 2.0, 11.0, 12.0):
        limiter.start_attempt("a", now)
    assert limiter.limited_for_ms(account, 12.0) == {"a": 63_000}  # at 65 there are still two requests, until 75


def test_the_used_ratio_is_that_of_the_limit_that_is_used_most() -> None:
    limiter, account = RateLimiter(), provider(requests_per_minute=4, tokens_per_minute=100)["a"]
    usage = limiter.start_attempt("a", 0.0)
    assert limiter.used_ratio(account, 0.0) == 0.25
    usage.end_attempt(50, 0.0)
    assert (limiter.used_ratio(account, 64.9), limiter.used_ratio(account, 65.0)) == (0.5, 0)
    assert limiter.used_ratio(provider()["a"], 0.0) is None


def test_a_replaced_account_starts_with_unused_limits_and_attempts_in_flight_end_at_the_old_one() -> None:
    limiter, account = RateLimiter(), provider(requests_per_minute=1, concurrency=1)
    usage = limiter.start_attempt("a", 0.0)
    limiter.forget(["a", "unknown"])
    assert limiter.limited_for_ms(account, 0.0) == {}
    limiter.start_attempt("a", 0.0)
    usage.end_attempt(9, 0.0)
    assert limiter.used_ratio(account["a"], 0.0) == 1
