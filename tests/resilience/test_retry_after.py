"""What providers say of waiting is understood in all its forms, and never waited for too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.resilience.retry_after import (
    MAX_RETRY_AFTER_S,
    RATE_LIMIT_HEADERS,
    parse_duration,
    parse_rate_limits,
    parse_reset,
    parse_retry_after,
)
from proxy.telemetry.rate_limit_status import RateLimitStatus

WALL = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": " 3 "}, 3),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "301"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "999999999999999999"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "-1"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after-ms": "46300", "retry-after": "47"}, 46.3),
        ({"retry-after-ms": "no", "retry-after": "47"}, 47),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}, 10),
        ({"retry-after": "Tuesday, 14-Nov-23 22:13:30 GMT"}, 10),
        ({"retry-after": "Tue Nov 14 22:13:30 2023"}, 10),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0),
        ({"retry-after": "Tue, 14 Nov 2033 22:13:00 GMT"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "Tue, 99 Nov 2023 22:13:00 GMT"}, None),
        ({"retry-after": "Tue, 14 Nov 999999 22:13:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, WALL) == seconds


def test_a_date_means_nothing_without_the_time() -> None:
    assert parse_retry_after({"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}) is None


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text()))
def test_no_text_leads_out_of_bounds(headers: dict[str, str]) -> None:
    seconds = parse_retry_after(headers, WALL)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_S


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("1s", 1),
        ("6m0s", 360),
        ("1h2m3.5s", 3723.5),
        ("2m59.56s", 179.56),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("7us", 0.000007),
        ("5ns", 5e-9),
        ("", None),
        ("3", None),
        ("-3s", None),
        ("3 s", None),
        ("3s4", None),
        ("s", None),
        ("1.2.3s", None),
        ("3d", None),
    ],
)
def test_go_durations_are_read(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("30", 30),
        ("1700000030", 30),
        ("2023-11-14T22:13:50Z", 30),
        ("2023-11-14T23:13:50+01:00", 30),
        ("2023-11-14T22:13:50", 30),
        ("later", None),
        (None, None),
    ],
)
def test_a_reset_is_read_as_whatever_the_provider_makes_it(text: str | None, seconds: float | None) -> None:
    assert parse_reset(text, WALL) == (None if seconds is None else pytest.approx(seconds))


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
MISTRAL = {"x-ratelimit-limit-req-minute": "10", "x-ratelimit-remaining-req-minute": "0"}


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({}, None),
        ({"x-ratelimit-remaining-requests": "many"}, None),
        ({"x-ratelimit-limit-requests": "500"}, None),
        (OPENAI, RateLimitStatus(400, 250, 0.75, 10 + 360)),
        (ANTHROPIC, RateLimitStatus(5, 7000, 0.9, 10 + 30)),
        (MISTRAL, RateLimitStatus(0, None, 1.0, 10 + 60)),
        ({"x-ratelimit-remaining-tokens": "7"}, RateLimitStatus(None, 7, 0.0, 70)),
        ({"x-ratelimit-remaining-tokens": "0"}, RateLimitStatus(None, 0, 1.0, 70)),
        ({"x-ratelimit-remaining-tokens": "9", "x-ratelimit-limit-tokens": "3"}, RateLimitStatus(None, 9, 0.0, 70)),
    ],
)
def test_what_is_left_is_that_of_the_limit_nearest_to_its_end(
    headers: dict[str, str], left: RateLimitStatus | None
) -> None:
    found = parse_rate_limits(headers, WALL, 10)
    if left is None or found is None:
        assert found is left
        return
    assert (found.requests, found.tokens) == (left.requests, left.tokens)
    assert (found.used_ratio, found.resets_at) == pytest.approx((left.used_ratio, left.resets_at))


NAMES = [name for meter in RATE_LIMIT_HEADERS for name in (meter.limit, meter.remaining, meter.reset)]


@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.one_of(st.text(), st.from_regex(r"[0-9]{1,30}(ms|s|h)?", fullmatch=True))
    )
)
def test_no_header_is_believed_beyond_a_day(headers: dict[str, str]) -> None:
    found = parse_rate_limits(headers, WALL, 10)
    assert found is None or (0 <= found.used_ratio <= 1 and 10 <= found.resets_at <= 10 + 86400)
