"""An attempt takes what it needs of every limit at once, and a limit without room says for how long."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxy.config.schema import ProviderLimits
from proxy.config.snapshot import LimitGroup, Provider
from proxy.resilience.rate_limits import NOT_LIMITED, RateLimiter, Reservation, Shortage, limit_groups
from tests.fakes import generation


def group(holder: str = "a", account: Any = None, **limits: int) -> LimitGroup:
    return LimitGroup(holder, ProviderLimits(**limits), account)


def waits(limiter: RateLimiter, one: LimitGroup, now: float, tokens: int = 1) -> float:
    found = limiter.shortage([one], tokens, now)
    return found.wait_s if found else 0.0


def test_attempts_are_counted_for_a_minute() -> None:
    limiter, one = RateLimiter(), group(requests_per_minute=2)
    for now in (1.0, 2.5):
        assert limiter.shortage([one], 0, now) is None
        limiter.reserve([one], 0, now).end(0, now)
    assert limiter.shortage([one], 0, 11.0) == Shortage("a", "requests_per_minute", 51.0)
    assert (waits(limiter, one, 61.5), waits(limiter, one, 62.0)) == (0.5, 0.0)


@pytest.mark.parametrize(("in_flight", "wait_s"), [(1, 0.0), (2, 1.0), (3, 1.0)])
def test_attempts_in_flight_are_limited(in_flight: int, wait_s: float) -> None:
    limiter, one = RateLimiter(), group(concurrency=2)
    held = [limiter.reserve([one], 0, 0.0) for _ in range(in_flight)]
    assert waits(limiter, one, 0.0) == wait_s
    for each in held:
        each.end(0, 0.0)
    assert waits(limiter, one, 0.0) == 0


@pytest.mark.parametrize(("used", "room"), [(0, 100), (30, 70), (100, 0), (60, 40)])
def test_reserved_tokens_are_replaced_by_the_used_ones(used: int, room: int) -> None:
    limiter, one = RateLimiter(), group(tokens_per_minute=100)
    held = limiter.reserve([one], 80, 0.0)
    assert [waits(limiter, one, 0.0, tokens) for tokens in (20, 21)] == [0.0, 61.0]
    held.end(used, 5.0)
    assert (waits(limiter, one, 5.0, room), waits(limiter, one, 5.0, room + 1)) == (0.0, 56.0 if used else 0.0)


def test_an_attempt_larger_than_the_whole_limit_passes_alone_and_leaves_a_debt() -> None:
    limiter, one = RateLimiter(), group(tokens_per_minute=100)
    assert waits(limiter, one, 0.0, 1000) == 0
    limiter.reserve([one], 1000, 0.0).end(250, 1.0)
    assert waits(limiter, one, 1.0) == 150.0
    assert waits(limiter, one, 151.0, 1000) == 0


def test_an_attempt_that_sent_nothing_gives_everything_back() -> None:
    limiter, one = RateLimiter(), group(requests_per_minute=1, tokens_per_minute=10, concurrency=1)
    limiter.reserve([one], 10, 0.0).cancel(0.5)
    assert limiter.shortage([one], 10, 0.5) is None


def test_each_request_of_an_attempt_counts_and_may_leave_a_debt() -> None:
    limiter, one = RateLimiter(), group(requests_per_minute=2, concurrency=9)
    held = limiter.reserve([one], 0, 0.0)
    held.count_request(1.0)
    assert waits(limiter, one, 1.0) == 60.0
    for _ in range(2):
        held.count_request(2.0)
    held.end(0, 3.0)
    assert waits(limiter, one, 3.0) == 118.0
    NOT_LIMITED.count_request(0.0)


def test_the_limit_with_the_longest_wait_is_reported() -> None:
    limiter = RateLimiter()
    both = [group(concurrency=1), group("a@us/m", requests_per_minute=1)]
    limiter.reserve(both, 0, 0.0)
    assert limiter.shortage(both, 0, 0.0) == Shortage("a@us/m", "requests_per_minute", 61.0)
    assert limiter.shortage(both[:1], 0, 0.0) == Shortage("a", "concurrency", 1.0)


def test_accounts_and_holders_are_counted_apart() -> None:
    limiter = RateLimiter()
    limiter.reserve([group(account="x", concurrency=1)], 0, 0.0)
    others = [group(account="y", concurrency=1), group("b", "x", concurrency=1)]
    assert [waits(limiter, each, 0.0) for each in others] == [0.0, 0.0]


def test_without_a_limit_nothing_is_held() -> None:
    limiter = RateLimiter()
    NOT_LIMITED.end(9, 0.0)
    NOT_LIMITED.cancel(0.0)
    assert limiter.shortage([], 10**9, 0.0) is None and isinstance(limiter.reserve([], 0, 0.0), Reservation)
    limiter.reserve([group()], 0, 0.0)
    assert limiter.shortage([group()], 10**9, 0.0) is None


def test_a_holder_is_limited_while_all_of_its_accounts_are() -> None:
    limiter = RateLimiter()
    limited = {"a": [group(account=each, requests_per_minute=1) for each in "xy"]}
    limiter.reserve([limited["a"][0]], 0, 0.0)
    assert limiter.limited_for_ms(limited, 0.0) == {}
    limiter.reserve([limited["a"][1]], 0, 20.0)
    assert limiter.limited_for_ms(limited, 20.5) == {"a": 40_500}
    assert limiter.limited_for_ms(limited, 61.0) == {}


def test_the_used_ratio_is_that_of_the_limit_that_is_used_most() -> None:
    limiter, limits = RateLimiter(), ProviderLimits(requests_per_minute=4, tokens_per_minute=100)
    account = Provider("a", "openai", 1.0, limits=limits)
    held = limiter.reserve([LimitGroup("a", limits)], 10, 0.0)
    assert limiter.used_ratio(account, 0.0) == 0.25
    held.end(50, 0.0)
    assert (limiter.used_ratio(account, 60.9), limiter.used_ratio(account, 61.0)) == (0.5, 0)
    for unlimited in (ProviderLimits(), None):
        assert limiter.used_ratio(replace(account, limits=unlimited), 0.0) is None


def test_a_replaced_account_starts_with_unused_limits_and_attempts_in_flight_end_at_the_old_one() -> None:
    limiter, one = RateLimiter(), group(requests_per_minute=1, concurrency=1)
    held = limiter.reserve([one], 0, 0.0)
    limiter.forget(lambda holder: holder == "b")
    assert limiter.shortage([one], 0, 0.0)
    limiter.forget(lambda holder: holder == "a")
    assert limiter.shortage([one], 0, 0.0) is None
    limiter.reserve([one], 0, 0.0)
    held.end(9, 0.0)
    assert waits(limiter, one, 0.0) == 61.0


def test_what_no_limit_of_the_file_counts_any_more_is_forgotten() -> None:
    limiter, one, other = RateLimiter(), group(concurrency=1), group(account="old", concurrency=1)
    limiter.reserve([one], 0, 0.0)
    held = limiter.reserve([other], 0, 0.0)
    limiter.retain({"a": [one]})
    assert (waits(limiter, one, 0.0), waits(limiter, other, 0.0)) == (1.0, 0.0)
    held.end(0, 0.0)


FILE = """
pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  a: {dialect: openai, base_url: http://x, limits: {concurrency: 9}, regions: {us: {}, eu: {}}}
  b: {dialect: openai, base_url: http://x}
models:
  m: {a: {model: m-a, limits: {requests_per_minute: 5}}, b: m-b}
  "g-*": {b: {model: "*", limits: {concurrency: 1}}}
"""


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("m", [["a", "a@us/m-a"], ["a", "a@eu/m-a"], []]),
        ("g-1", [["b@global/*"]]),  # one limit for all names that lead there
        ("a/other", [["a"], ["a"]]),
        ("b/other", [[]]),
    ],
)
def test_an_attempt_counts_against_the_limits_of_its_provider_and_of_its_target(
    model: str, expected: list[list[str]]
) -> None:
    snapshot = generation(FILE).snapshot
    assert [[each.holder for each in limit_groups(target)] for target in snapshot.targets(model)] == expected
    assert set(snapshot.limited) == {"a", "a@us/m-a", "a@eu/m-a", "b@global/*"}
