"""Parses waiting times that providers send: Retry-After, resets of rate limits, durations and dates.

Times are seconds: `now` is the wall clock (since 1970) that a date is compared with, every result a span.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from proxy.messages import Headers

MAX_RETRY_AFTER_S = 300.0
"""A longer Retry-After is cut to this."""

_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
_DURATION = re.compile(r"(?:[0-9]{1,18}(?:\.[0-9]{1,18})?(?:ns|us|µs|μs|ms|s|m|h))+")
_DURATION_PART = re.compile(r"([0-9.]+)([^0-9.]+)")
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_MIN_TIMESTAMP = 1e9
"""A bare number from here on is a Unix timestamp, a smaller one a span."""


def parse_retry_after(headers: Headers, now: float | None = None) -> float | None:
    """Return the seconds (0-300) that `retry-after-ms` or `retry-after` contains, or None if both are missing or invalid.

    Header names are lower case. Without `now`, a Retry-After that is a date is ignored.
    """
    wait_ms = parse_number(headers.get("retry-after-ms"))
    wait_s = wait_ms / 1000 if wait_ms is not None else parse_wait(headers.get("retry-after"), now)
    return None if wait_s is None else min(wait_s, MAX_RETRY_AFTER_S)


def parse_wait(text: str | None, now: float | None) -> float | None:
    """Return the seconds, at least 0, of a Retry-After value: a number or an HTTP date. None if it is invalid."""
    if text is None:
        return None
    number = parse_number(text)
    return number if number is not None else _seconds_until(parse_http_date(text), now)


def parse_reset(text: str | None, now: float | None) -> float | None:
    """Return the seconds, at least 0, until a rate limit is reset, or None if the value is invalid.

    Providers send a duration (`6m0s`), a time (RFC 3339), a Unix timestamp or a number of seconds.
    """
    if text is None:
        return None
    number = parse_number(text)
    if number is not None:
        return number if number < _MIN_TIMESTAMP else _seconds_until(number, now)
    duration_s = parse_duration(text.strip())
    return duration_s if duration_s is not None else _seconds_until(_parse_iso_time(text), now)


def parse_duration(text: str) -> float | None:
    """Return the seconds of a Go-style duration such as `1h2m3.5s`, `6m0s` or `12ms`, or None if it is invalid."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in _DURATION_PART.findall(text))


def parse_number(text: str | None) -> float | None:
    """Return a plain decimal number of at most 18 digits and 18 decimals, or None if it is missing or invalid."""
    return float(text) if text is not None and _NUMBER.fullmatch(text := text.strip()) else None


def parse_http_date(text: str | None) -> float | None:
    """Return the Unix timestamp of an HTTP date in any of its three forms, or None if it is missing or invalid."""
    try:
        return None if text is None else _timestamp(parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None


def _parse_iso_time(text: str) -> float | None:
    try:
        return _timestamp(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return None


def _timestamp(time: datetime) -> float:
    """Return seconds since 1970. A time without a zone is in UTC, as an HTTP date always is (RFC 9110, 5.6.7)."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _seconds_until(timestamp: float | None, now: float | None) -> float | None:
    return None if timestamp is None or now is None else max(0.0, timestamp - now)
