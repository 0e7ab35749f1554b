"""What a provider's headers say about waiting: Retry-After in all its forms, and how much of its limits is left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from proxy.messages import Headers
from proxy.telemetry.rate_limit_status import RateLimitStatus

MAX_RETRY_AFTER_S = 300.0
"""Seconds that a provider can make us leave it alone."""
_ASSUMED_RESET = 60.0
_LONGEST_RESET = 86400.0

_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
_DURATION = re.compile(r"(?:[0-9]{1,18}(?:\.[0-9]{1,18})?(?:ns|us|µs|μs|ms|s|m|h))+")
_PART = re.compile(r"([0-9.]+)([^0-9.]+)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_EPOCH = 1e9
"""A bare number from here on is a moment, not a wait."""


def parse_retry_after(headers: Headers, wall: float | None = None) -> float | None:
    """Seconds to wait (0-300), or None if nothing is said that makes sense; a date is held against `wall`.

    Names are looked up in lower case.
    """
    precise = _number(headers.get("retry-after-ms"))
    seconds = precise / 1000 if precise is not None else _wait(headers.get("retry-after"), wall)
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def parse_duration(text: str) -> float | None:
    """Seconds of a Go-style duration such as `1h2m3.5s`, `6m0s` or `12ms`; None if it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def parse_reset(text: str | None, wall: float) -> float | None:
    """Seconds until a limit is whole again, from any of the forms in use: a duration, a time (RFC 3339), a number."""
    if text is None:
        return None
    number = _number(text)
    if number is not None:
        return number - wall if number >= _EPOCH else number
    seconds = parse_duration(text.strip())
    return seconds if seconds is not None else _until(_moment(text), wall)


@dataclass(frozen=True, slots=True)
class _Meter:
    """The headers of one limit."""

    counts: str
    limit: str
    remaining: str
    reset: str


def _meters() -> Iterator[_Meter]:
    for counts in ("requests", "tokens"):
        yield _Meter(counts, *(f"x-ratelimit-{part}-{counts}" for part in ("limit", "remaining", "reset")))
    for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
        names = (f"anthropic-ratelimit-{kind}-{part}" for part in ("limit", "remaining", "reset"))
        yield _Meter(kind.rpartition("-")[2], *names)
    for kind, counts in (("req", "requests"), ("tokens", "tokens")):
        names = (f"x-ratelimit-{part}-{kind}-minute" for part in ("limit", "remaining", "reset"))
        yield _Meter(counts, *names)


RATE_LIMIT_HEADERS = tuple(_meters())
"""As OpenAI, Anthropic and Mistral name them."""


def parse_rate_limits(headers: Headers, wall: float, now: float) -> RateLimitStatus | None:
    """What is left of the provider's limits, or None if it does not say. Names are looked up in lower case."""
    left: dict[str, float] = {}
    nearest: tuple[float, _Meter] | None = None
    for meter in RATE_LIMIT_HEADERS:
        rest = _number(headers.get(meter.remaining))
        if rest is None:
            continue
        left[meter.counts] = min(rest, left.get(meter.counts, rest))
        limit = _number(headers.get(meter.limit))
        used = min(max(1 - rest / limit, 0.0), 1.0) if limit else float(rest == 0)
        if nearest is None or used > nearest[0]:
            nearest = used, meter
    if nearest is None:
        return None
    used, meter = nearest
    reset = parse_reset(headers.get(meter.reset), wall)
    until = now + min(max(_ASSUMED_RESET if reset is None else reset, 0.0), _LONGEST_RESET)
    return RateLimitStatus(_whole(left.get("requests")), _whole(left.get("tokens")), used, until)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text := text.strip()) else None


def _wait(text: str | None, wall: float | None) -> float | None:
    if text is None:
        return None
    number = _number(text)
    if number is not None or wall is None:
        return number
    try:
        return _until(parsedate_to_datetime(text), wall)
    except (ValueError, OverflowError):
        return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _until(moment: datetime | None, wall: float) -> float | None:
    """A time without a zone is in UTC (RFC 9110, 5.6.7: an HTTP date always is)."""
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - wall
