"""Reads how much is left of a provider's rate limits from the headers of its response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.messages import Headers
from proxy.retry_after import parse_number, parse_reset
from proxy.telemetry.rate_limit_status import RateLimitStatus

_DEFAULT_RESET_S = 60.0
_MAX_RESET_S = 86400.0


@dataclass(frozen=True, slots=True)
class _LimitHeaders:
    """The names of the headers of one limit."""

    unit: str
    """What it counts: `requests` or `tokens`."""
    limit: str
    remaining: str
    reset: str


def _limit_headers() -> Iterator[_LimitHeaders]:
    for unit in ("requests", "tokens"):
        yield _LimitHeaders(unit, *(f"x-ratelimit-{part}-{unit}" for part in ("limit", "remaining", "reset")))
    for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
        names = (f"anthropic-ratelimit-{kind}-{part}" for part in ("limit", "remaining", "reset"))
        yield _LimitHeaders(kind.rpartition("-")[2], *names)
    for kind, unit in (("req", "requests"), ("tokens", "tokens")):
        names = (f"x-ratelimit-{part}-{kind}-minute" for part in ("limit", "remaining", "reset"))
        yield _LimitHeaders(unit, *names)


RATE_LIMIT_HEADERS = tuple(_limit_headers())
"""The names that OpenAI, Anthropic and Mistral use."""


def parse_rate_limits(headers: Headers, wall: float, now: float) -> RateLimitStatus | None:
    """Return what is left of the provider's limits; None if no header says how much remains of one.

    Of requests and of tokens, the smallest remainder counts; ratio and reset time are those of the limit that is used
    most. `wall` is the time since 1970, `now` the monotonic one. Header names are lower case.
    """
    left: dict[str, float] = {}
    most_used: tuple[float, _LimitHeaders] | None = None
    for names in RATE_LIMIT_HEADERS:
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


def _integer(number: float | None) -> int | None:
    return None if number is None else int(number)
