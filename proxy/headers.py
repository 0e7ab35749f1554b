"""Which headers cross the proxy and which stop; a sidecar speaks for one application, with its own keys."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from proxy.messages import Headers
from proxy.retry_after import parse_http_date, parse_reset, parse_wait

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
        sent_at = parse_http_date(headers.get("date"))  # spans count by the provider's clock, whatever ours shows
        crossing = dict(_openai_rate_limits(crossing, sent_at)) | crossing
        if "retry-after" in crossing:
            crossing["retry-after"] = _whole_seconds(crossing["retry-after"], sent_at)
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


def _openai_rate_limits(crossing: Mapping[str, str], sent_at: float | None) -> Iterable[tuple[str, str]]:
    """Yield the limits under OpenAI's names, a reset time as the span from the response's own Date until then."""
    for name, value in crossing.items():
        known = _OPENAI_NAMES.get(name)
        if known is None:
            continue
        if "-reset-" not in known:
            yield known, value
        elif (reset_s := parse_reset(value, sent_at)) is not None:
            yield known, f"{reset_s:g}s"


def _whole_seconds(wait: str, sent_at: float | None) -> str:
    """Return a number or a date as whole seconds, rounded up; an invalid value unchanged."""
    wait_s = parse_wait(wait, sent_at)
    return wait if wait_s is None else str(math.ceil(wait_s))
