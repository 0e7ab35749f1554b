"""The rate-limit headers of every provider give what is left of the limit that is used most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects import DIALECTS
from proxy.resilience.rate_limit_headers import parse_rate_limits, read_rate_limits
from proxy.telemetry.rate_limit_status import RateLimitStatus

WALL = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT

OPENAI = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "400",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-limit-tokens": "1000",
    "x-ratelimit-remaining-tokens": "250",
    "x-ratelimit-reset-tokens": "6m0s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "5",
    "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:50Z",
    "anthropic-ratelimit-input-tokens-limit": "40000",
    "anthropic-ratelimit-input-tokens-remaining": "39000",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "7000",
}
COHERE = {"x-trial-endpoint-call-limit": "40", "x-trial-endpoint-call-remaining": "10"}
MISTRAL = {"x-ratelimit-limit-req-minute": "10", "x-ratelimit-remaining-req-minute": "0"}


@pytest.mark.parametrize(
    ("dialect", "headers", "left"),
    [
        ("openai", {}, None),
        ("openai", {"x-ratelimit-remaining-requests": "many"}, None),
        ("openai", {"x-ratelimit-limit-requests": "500"}, None),
        ("openai", OPENAI, RateLimitStatus(400, 250, 0.75, 10 + 360)),
        ("anthropic", ANTHROPIC, RateLimitStatus(5, 7000, 0.9, 10 + 30)),
        ("cohere", COHERE, RateLimitStatus(10, None, 0.75, 10 + 60)),
        ("cohere", OPENAI, None),
        ("compatible", MISTRAL, RateLimitStatus(0, None, 1.0, 10 + 60)),
        ("mistral", MISTRAL, RateLimitStatus(0, None, 1.0, 10 + 60)),
        ("openai", {"x-ratelimit-remaining-tokens": "7"}, RateLimitStatus(None, 7, 0.0, 70)),
        ("openai", {"x-ratelimit-remaining-tokens": "0"}, RateLimitStatus(None, 0, 1.0, 70)),
        (
            "openai",
            {"x-ratelimit-remaining-tokens": "9", "x-ratelimit-limit-tokens": "3"},
            RateLimitStatus(None, 9, 0.0, 70),
        ),
    ],
)
def test_the_limit_that_is_used_most_gives_ratio_and_reset(
    dialect: str, headers: dict[str, str], left: RateLimitStatus | None
) -> None:
    found = parse_rate_limits(headers, WALL, 10, DIALECTS[dialect].rate_limit_headers)
    if left is None or found is None:
        assert found is left
        return
    assert (found.requests, found.tokens) == (left.requests, left.tokens)
    assert (found.used_ratio, found.resets_at) == pytest.approx((left.used_ratio, left.resets_at))


ALL_LIMITS = tuple(names for dialect in DIALECTS.values() for names in dialect.rate_limit_headers)
NAMES = [name for names in ALL_LIMITS for name in (names.limit, names.remaining, names.reset)]


@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.one_of(st.text(), st.from_regex(r"[0-9]{1,30}(ms|s|h)?", fullmatch=True))
    )
)
def test_ratio_and_reset_stay_in_bounds_whatever_the_headers_hold(headers: dict[str, str]) -> None:
    found = parse_rate_limits(headers, WALL, 10, ALL_LIMITS)
    assert found is None or (0 <= found.used_ratio <= 1 and 10 <= found.resets_at <= 10 + 86400)


@pytest.mark.parametrize(
    ("remaining", "is_parsed_now"),
    [("1", False), ("9" * 18, False), ("0", True), ("0.0", True), ("00", True), ("9" * 19, True), ("many", True)],
)
def test_headers_are_parsed_later_only_if_something_is_surely_left(remaining: str, is_parsed_now: bool) -> None:
    headers = {**OPENAI, "x-ratelimit-remaining-tokens": remaining}
    found, expected = read_rate_limits(headers, WALL, 10), parse_rate_limits(headers, WALL, 10)
    assert found == expected if is_parsed_now else callable(found) and found() == expected


def test_headers_without_rate_limits_are_not_read() -> None:
    assert read_rate_limits({"x-ratelimit-limit-requests": "500"}, WALL, 10) is None
