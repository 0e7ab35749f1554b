"""Selects the headers that are forwarded from the caller to the provider and from the provider to the caller.

Both directions are allow lists. Credentials, cookies and hop-by-hop headers are never forwarded: the sidecar authenticates
with its own keys.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from proxy.messages import Headers
from proxy.retry_after import parse_http_date, parse_reset, parse_wait

# Sent to every provider. Headers for one vendor only are in `Dialect.forwarded_header_prefixes`.
_UPSTREAM_NAMES = frozenset({"user-agent", "idempotency-key", "traceparent", "tracestate", "x-client-request-id"})
_CONNECTION = "connection"

# Sent to the caller from every provider. Headers of one vendor only are in `Dialect.returned_header_prefixes`.
_DOWNSTREAM_NAMES = frozenset({"retry-after", "retry-after-ms", "x-should-retry", "cf-ray"})
_RATE_LIMIT_PREFIX = "x-ratelimit-"


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """The names, in lower case, of a provider's response headers for one rate limit."""

    unit: str
    """What it counts: `requests` or `tokens`."""
    limit: str
    remaining: str
    reset: str = ""
    """Empty if the provider does not send when the limit resets."""
    copy_to_openai_names: bool = True
    """Whether the caller gets it under OpenAI's names too. Of several limits of one unit, only one can be."""

    @classmethod
    def from_template(cls, unit: str, template: str, *, copy_to_openai_names: bool = True) -> RateLimitHeaders:
        """Make the names from a template such as `x-ratelimit-{}-requests`, for limit, remaining and reset."""
        limit, remaining, reset = (template.format(part) for part in ("limit", "remaining", "reset"))
        return cls(unit, limit, remaining, reset, copy_to_openai_names)


OPENAI_RATE_LIMITS = tuple(
    RateLimitHeaders.from_template(unit, f"x-ratelimit-{{}}-{unit}", copy_to_openai_names=False)
    for unit in ("requests", "tokens")
)
"""The rate-limit headers that OpenAI clients read."""

_SINGLE_VALUE = frozenset(
    {"user-agent", "idempotency-key", "traceparent", "x-client-request-id", "retry-after", "retry-after-ms",
     "x-should-retry", "cf-ray", "x-request-id", "request-id", "date", "content-type", "set-cookie"}
)  # fmt: skip
"""Headers whose value is not a list: of repeated lines the last applies. All others are joined (RFC 9110, 5.3)."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def to_upstream(headers: Headers, prefixes: tuple[str, ...]) -> dict[str, str]:
    """Return the caller's headers to forward to one provider, with names in lower case and repeated lines joined.

    `prefixes` are those of headers for this provider only. Headers listed in `Connection` are hop-by-hop (RFC 9110, 7.6.1).
    """
    forwarded: dict[str, str] = {}
    hop_by_hop: list[str] = []
    for name, value in headers.items():
        forwarded_name = _upstream_name(name, prefixes)
        if forwarded_name == _CONNECTION:
            hop_by_hop += value.split(",")
        elif forwarded_name and _is_printable(value):
            _add(forwarded, forwarded_name, value)
    for name in hop_by_hop if forwarded else ():
        forwarded.pop(name.strip().lower(), None)
    return forwarded


def combine_repeated(headers: Headers) -> dict[str, str]:
    """Return the headers with names in lower case and repeated lines joined."""
    lower = {name.lower(): value for name, value in headers.items()}
    if len(lower) < len(headers):
        lower = {}
        for name, value in headers.items():
            _add(lower, name.lower(), value)
    return lower


def _add(headers: dict[str, str], name: str, value: str) -> None:
    """Add one line: append it to earlier lines if the header is a list, otherwise replace them."""
    headers[name] = f"{headers[name]}, {value}" if name in headers and name not in _SINGLE_VALUE else value


def to_downstream(
    headers: Headers, prefixes: tuple[str, ...] = (), rate_limits: tuple[RateLimitHeaders, ...] = OPENAI_RATE_LIMITS
) -> dict[str, str]:
    """Return the provider's headers to forward to the caller, with `rate_limits` under OpenAI's names in addition.

    `prefixes` are those of the names that only this provider's responses return. Retry-After becomes whole seconds, and the
    provider's request id becomes `x-provider-request-id`.
    """
    forwarded = {
        forwarded_name: value
        for name, value in headers.items()
        if (forwarded_name := _downstream_name(name, prefixes)) and _is_printable(value)
    }
    if forwarded:
        sent_at = parse_http_date(headers.get("date"))  # relative to the provider's clock, which may differ from ours
        forwarded = dict(_openai_rate_limits(forwarded, rate_limits, sent_at)) | forwarded
        if "retry-after" in forwarded:
            forwarded["retry-after"] = _whole_seconds(forwarded["retry-after"], sent_at)
    if request_id := headers.get("x-request-id") or headers.get("request-id"):
        forwarded["x-provider-request-id"] = strip_control_chars(request_id)[:256]
    return forwarded


def strip_control_chars(text: str) -> str:
    """Return the text without characters that are invalid in headers."""
    return text if text.isprintable() else _UNPRINTABLE.sub("", text)


def _is_printable(value: str) -> bool:
    return value.isprintable() or not _UNPRINTABLE.search(value)


def _upstream_name(name: str, prefixes: tuple[str, ...]) -> str:
    """Return the lower-case name if it is forwarded to a provider, or is `connection`. Otherwise ""."""
    name = name.lower()
    return name if name in _UPSTREAM_NAMES or name == _CONNECTION or name.startswith(prefixes) else ""


def _downstream_name(name: str, prefixes: tuple[str, ...]) -> str:
    """Return the lower-case name if it is forwarded to the caller. Otherwise ""."""
    name = name.lower()
    return name if name in _DOWNSTREAM_NAMES or name.startswith((_RATE_LIMIT_PREFIX, *prefixes)) else ""


def _openai_rate_limits(
    forwarded: Mapping[str, str], rate_limits: tuple[RateLimitHeaders, ...], sent_at: float | None
) -> Iterable[tuple[str, str]]:
    """Yield rate limits under OpenAI's names. A reset time becomes the seconds from the response's Date until then."""
    for names in rate_limits:
        if not names.copy_to_openai_names:
            continue
        for part, name in (("limit", names.limit), ("remaining", names.remaining)):
            if name in forwarded:
                yield f"{_RATE_LIMIT_PREFIX}{part}-{names.unit}", forwarded[name]
        if (reset_s := parse_reset(forwarded.get(names.reset), sent_at)) is not None:
            yield f"{_RATE_LIMIT_PREFIX}reset-{names.unit}", f"{reset_s:g}s"


def _whole_seconds(wait: str, sent_at: float | None) -> str:
    """Return a number or a date as whole seconds, rounded up. An invalid value is returned unchanged."""
    wait_s = parse_wait(wait, sent_at)
    return wait if wait_s is None else str(math.ceil(wait_s))
