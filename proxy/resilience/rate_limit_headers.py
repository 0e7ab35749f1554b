"""Reads how much is left of a provider's rate limits from the headers of its response."""

from __future__ import annotations

import re
from functools import lru_cache, partial

from proxy.headers import OPENAI_RATE_LIMITS, RateLimitHeaders
from proxy.messages import Headers
from proxy.retry_after import parse_number, parse_reset
from proxy.telemetry.rate_limit_status import RateLimitStatus, UnparsedRateLimits

_DEFAULT_RESET_S = 60.0
_MAX_RESET_S = 86400.0
_POSITIVE = re.compile(r"[1-9][0-9]{0,17}")


LimitNames = tuple[RateLimitHeaders, ...]
"""The names of a provider's rate limits. A dialect has them (`Dialect.rate_limit_headers`)."""


def read_rate_limits(
    headers: Headers, wall: float, now: float, names_of_limits: LimitNames = OPENAI_RATE_LIMITS
) -> RateLimitStatus | UnparsedRateLimits | None:
    """Return what `parse_rate_limits` does, or what returns it later where something is left of every limit.

    Nearly every response says so, and few of them are ever looked at.
    """
    names = _names_of_remainders(tuple(headers), names_of_limits)
    if not names:
        return None
    for name in names:
        if not _POSITIVE.fullmatch(headers[name]):
            return parse_rate_limits(headers, wall, now, names_of_limits)
    return partial(parse_rate_limits, headers, wall, now, names_of_limits)


def parse_rate_limits(
    headers: Headers, wall: float, now: float, names_of_limits: LimitNames = OPENAI_RATE_LIMITS
) -> RateLimitStatus | None:
    """Return what is left of the provider's limits, or None if no header contains how much remains of one.

    Of requests and of tokens, the smallest remainder counts. Ratio and reset time are those of the limit that is used
    most. `wall` is the time since 1970, `now` the monotonic one. Header names are lower case.
    """
    left: dict[str, float] = {}
    most_used: tuple[float, RateLimitHeaders] | None = None
    for names in names_of_limits:
        remaining = parse_number(headers.get(names.remaining))
        if remaining is None:
            continue
        left[names.unit] = min(remaining, left.get(names.unit, remaining))
        limit = parse_number(headers.get(names.limit))
        used_ratio = min(max(1 - remaining / limit, 0.0), 1.0) if limit else float(remaining == 0)
        if most_used is None or used_ratio > most_used[0]:
            most_used = used_ratio, names
    if most_used is None:
        return None
    used_ratio, names = most_used
    reset_s = parse_reset(headers.get(names.reset), wall)
    resets_at = now + min(_DEFAULT_RESET_S if reset_s is None else reset_s, _MAX_RESET_S)
    return RateLimitStatus(_integer(left.get("requests")), _integer(left.get("tokens")), used_ratio, resets_at)


@lru_cache(maxsize=128)
def _names_of_remainders(names: tuple[str, ...], names_of_limits: LimitNames) -> tuple[str, ...]:
    """Return the headers that contain what is left of a limit; worked out once for each set of names."""
    return tuple(each.remaining for each in names_of_limits if each.remaining in names)


def _integer(number: float | None) -> int | None:
    return None if number is None else int(number)
