"""Selects the headers that are forwarded from the caller to the provider and from the provider to the caller.

Both directions are allow lists. Credentials, cookies and hop-by-hop headers are never forwarded: the sidecar authenticates
with its own keys."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from proxy.messages import Headers
from proxy.retry_after import parse_http_date, parse_reset, parse_wait

# Sent to every provider. Headers for one vendor only are in `Dialect.forwarded_header_prefixes`.
_UPSTREAM_NAMES = frozenset({"user-agent", "idempotency-key", "traceparent", "tracestate", "x-client-request-id"})
_CONNECTION = "connection"

# Sent to the caller: headers that describe the response and the rate limits.
_DOWNSTREAM_NAMES = frozenset({"retry-after", "retry-after-ms", "x-should-retry", "openai-processing-ms", "cf-ray"})
_DOWNSTREAM_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "x-trial-endpoint-call-", "x-endpoint-monthly-call-")

_RATE_LIMIT_NAMES: Mapping[str, str] = {
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
"""Rate-limit headers of Anthropic, Mistral and Cohere -> those that OpenAI clients read."""

_SINGLE_VALUE = frozenset(
    {"user-agent", "idempotency-key", "traceparent", "x-client-request-id", "retry-after", "retry-after-ms",
     "x-should-retry", "openai-processing-ms", "cf-ray", "x-request-id", "request-id", "date", "content-type", "set-cookie"}
)  # fmt: skip
"""Headers whose value is not a list: of repeated lines the last applies. All others are joined (RFC 9110, 5.3)."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def to_upstream(headers: Headers, prefixes: tuple[str, ...]) -> dict[str, str]:
    """Return the caller's headers to forward to one provider, with names in lower case and repeated lines joined.

    `prefixes` are those of headers for this provider only. Headers listed in `Connection` are hop-by-hop (RFC 9110, 7.6.1)."""
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


def to_downstream(headers: Headers) -> dict[str, str]:
    """Return the provider's headers to forward to the caller, with rate limits under OpenAI's names in addition.

    Retry-After becomes whole seconds, and the provider's request id becomes `x-provider-request-id`.
    """
    forwarded = {
        forwarded_name: value
        for name, value in headers.items()
        if (forwarded_name := _downstream_name(name)) and _is_printable(value)
    }
    if forwarded:
        sent_at = parse_http_date(headers.get("date"))  # relative to the provider's clock, which may differ from ours
        forwarded = dict(_openai_rate_limits(forwarded, sent_at)) | forwarded
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
    """Return the lower-case name if it is forwarded to a provider, or is `connection`; otherwise ""."""
    name = name.lower()
    return name if name in _UPSTREAM_NAMES or name == _CONNECTION or name.startswith(prefixes) else ""


def _downstream_name(name: str) -> str:
    """Return the lower-case name if it is forwarded to the caller; otherwise ""."""
    name = name.lower()
    return name if name in _DOWNSTREAM_NAMES or name.startswith(_DOWNSTREAM_PREFIXES) else ""


def _openai_rate_limits(forwarded: Mapping[str, str], sent_at: float | None) -> Iterable[tuple[str, str]]:
    """Yield rate limits under OpenAI's names; a reset time becomes the seconds from the response's Date until then."""
    for name, value in forwarded.items():
        forwarded_name = _RATE_LIMIT_NAMES.get(name)
        if forwarded_name is None:
            continue
        if "-reset-" not in forwarded_name:
            yield forwarded_name, value
        elif (reset_s := parse_reset(value, sent_at)) is not None:
            yield forwarded_name, f"{reset_s:g}s"


def _whole_seconds(wait: str, sent_at: float | None) -> str:
    """Return a number or a date as whole seconds, rounded up; an invalid value unchanged."""
    wait_s = parse_wait(wait, sent_at)
    return wait if wait_s is None else str(math.ceil(wait_s))
