"""Which headers cross the proxy and which stop; a sidecar speaks for one application, with its own keys."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from proxy.messages import Headers

# Outwards an allow list, so that nothing of the caller's leaks by being new. These go to every provider; what one vendor
# alone is to see, each dialect lists itself.
_UPSTREAM_NAMES = frozenset({"user-agent", "idempotency-key", "traceparent", "tracestate", "x-client-request-id"})
_CONNECTION = "connection"

# Back inwards likewise: what describes the answer and the limits, never cookies or the provider's own plumbing.
_DOWNSTREAM_NAMES = frozenset({"retry-after", "retry-after-ms", "x-should-retry", "openai-processing-ms", "cf-ray"})
_DOWNSTREAM_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "x-trial-endpoint-call-", "x-endpoint-monthly-call-")

_OPENAI_NAMES: Mapping[str, str] = {
    **{
        f"anthropic-ratelimit-{kind}-{part}": f"x-ratelimit-{part}-{kind}"
        for kind in ("requests", "tokens")
        for part in ("limit", "remaining", "reset")
    },
    "x-ratelimit-limit-req-minute": "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-req-minute": "x-ratelimit-remaining-requests",
    "x-ratelimit-limit-tokens-minute": "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens-minute": "x-ratelimit-remaining-tokens",
    "x-trial-endpoint-call-limit": "x-ratelimit-limit-requests",
    "x-trial-endpoint-call-remaining": "x-ratelimit-remaining-requests",
}
"""What Anthropic, Mistral and Cohere call their limits -> what OpenAI's clients look for."""

_SINGLE_VALUE = frozenset(
    {"user-agent", "idempotency-key", "traceparent", "x-client-request-id", "retry-after", "retry-after-ms",
     "x-should-retry", "openai-processing-ms", "cf-ray", "x-request-id", "request-id", "date", "content-type", "set-cookie"}
)  # fmt: skip
"""Headers whose value is not a list: of several lines the last counts. All others are joined (RFC 9110, 5.3)."""

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def to_upstream(headers: Headers, prefixes: tuple[str, ...]) -> dict[str, str]:
    """Return the caller's headers that one provider may see, with names in lower case and repeated lines joined.

    `prefixes` begin the names that only this provider gets. What `Connection` lists is hop-by-hop (RFC 9110, 7.6.1)."""
    crossing: dict[str, str] = {}
    hop_by_hop: list[str] = []
    for name, value in headers.items():
        known = _upstream_name(name, prefixes)
        if known == _CONNECTION:
            hop_by_hop += value.split(",")
        elif known and _is_printable(value):
            _add(crossing, known, value)
    for name in hop_by_hop if crossing else ():
        crossing.pop(name.strip().lower(), None)
    return crossing


def combine_repeated(headers: Headers) -> dict[str, str]:
    """Return headers with names in lower case and the lines of one name as one value."""
    lower = {name.lower(): value for name, value in headers.items()}
    if len(lower) < len(headers):
        lower = {}
        for name, value in headers.items():
            _add(lower, name.lower(), value)
    return lower


def _add(headers: dict[str, str], name: str, value: str) -> None:
    """Add one line: to the lines before it where the header is a list, else in their place."""
    headers[name] = f"{headers[name]}, {value}" if name in headers and name not in _SINGLE_VALUE else value


def to_downstream(headers: Headers) -> dict[str, str]:
    """What of a provider's headers the caller gets: as they came, and limits under OpenAI's names as well.

    Retry-After becomes whole seconds; the provider's request id has a name of its own.
    """
    crossing = {
        known: value for name, value in headers.items() if (known := _downstream_name(name)) and _is_printable(value)
    }
    if crossing:
        sent = headers.get("date")
        crossing = dict(_openai_rate_limits(crossing, sent)) | crossing
        if "retry-after" in crossing:
            crossing["retry-after"] = _whole_seconds(crossing["retry-after"], sent)
    if request_id := headers.get("x-request-id") or headers.get("request-id"):
        crossing["x-provider-request-id"] = strip_control_chars(request_id)[:256]
    return crossing


def strip_control_chars(text: str) -> str:
    """The text less what no header may hold."""
    return text if text.isprintable() else _UNPRINTABLE.sub("", text)


def _is_printable(value: str) -> bool:
    return value.isprintable() or not _UNPRINTABLE.search(value)


# The same names come with every request; the longest unused are forgotten, as a caller may send any.


@lru_cache(maxsize=1024)
def _upstream_name(name: str, prefixes: tuple[str, ...]) -> str:
    """The name as that provider may see it, "" if it stops here, or `connection`, which lists names that stop here."""
    name = name.lower()
    return name if name in _UPSTREAM_NAMES or name == _CONNECTION or name.startswith(prefixes) else ""


@lru_cache(maxsize=512)
def _downstream_name(name: str) -> str:
    """The name as the caller may see it, or "" if it stops here."""
    name = name.lower()
    return name if name in _DOWNSTREAM_NAMES or name.startswith(_DOWNSTREAM_PREFIXES) else ""


def _openai_rate_limits(crossing: Mapping[str, str], sent: str | None) -> Iterable[tuple[str, str]]:
    """Limits under OpenAI's names; a moment at which one is whole again is told as the time until then."""
    for name, value in crossing.items():
        known = _OPENAI_NAMES.get(name)
        if known is None:
            continue
        if "-reset-" not in known:
            yield known, value
        elif (seconds := _seconds_between(sent, _parse_iso_date(value))) is not None:
            yield known, f"{seconds:g}s"


def _whole_seconds(wait: str, sent: str | None) -> str:
    """A number or a date as whole seconds, rounded up; what is neither stays."""
    seconds = float(wait) if _NUMBER.fullmatch(wait) else _seconds_between(sent, _parse_http_date(wait))
    return wait if seconds is None else str(math.ceil(seconds))


def _seconds_between(sent: str | None, moment: datetime | None) -> float | None:
    """Seconds from the answer's own Date: by the provider's clock, whatever ours says."""
    start = _parse_http_date(sent or "")
    return None if start is None or moment is None else max(0.0, (moment - start).total_seconds())


def _parse_http_date(text: str) -> datetime | None:
    """An HTTP date, which is always in UTC (RFC 9110, 5.6.7)."""
    try:
        return _in_utc(parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None


def _parse_iso_date(text: str) -> datetime | None:
    try:
        return _in_utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
