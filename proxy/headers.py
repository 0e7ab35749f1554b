"""Selects the headers that are forwarded from the caller to the provider and from the provider to the caller.

Both directions are allow lists. Credentials, cookies and hop-by-hop headers are never forwarded: the sidecar authenticates
with its own keys.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from proxy.messages import Headers
from proxy.retry_after import parse_http_date, parse_reset, parse_wait
from proxy.trace_context import TRACEPARENT, TRACESTATE, valid_trace_context

# Sent to every provider. Headers for one vendor only are in `Dialect.forwarded_header_prefixes`.
_UPSTREAM_NAMES = frozenset({"user-agent", "idempotency-key", TRACEPARENT, TRACESTATE, "x-client-request-id"})
_CONNECTION = "connection"

# Sent to the caller from every provider. Headers of one vendor only are in `Dialect.returned_header_prefixes`.
_DOWNSTREAM_NAMES = frozenset({"retry-after", "retry-after-ms", "x-should-retry", "cf-ray"})
_RATE_LIMIT_PREFIX = "x-ratelimit-"
MAX_RETURNED_HEADERS = 32
"""Strict clients refuse a response with 100 headers. Those of `_DOWNSTREAM_NAMES` and `OPENAI_RATE_LIMITS` come first."""
MAX_NAME_LENGTH = 64
"""A header with a longer name is not sent to the caller."""
MAX_VALUE_LENGTH = 256
"""Longer values are cut: strict clients refuse a response with a line of 8 KiB."""


@dataclass(frozen=True, slots=True, eq=False)  # constants of the dialects, so that their hash costs nothing
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

_RETURNED_FIRST = _DOWNSTREAM_NAMES.union(*((each.limit, each.remaining, each.reset) for each in OPENAI_RATE_LIMITS))

_SINGLE_VALUE = frozenset(
    {"user-agent", "idempotency-key", "x-client-request-id", "retry-after", "retry-after-ms",
     "x-should-retry", "cf-ray", "x-request-id", "request-id", "date", "content-type", "set-cookie"}
)  # fmt: skip
"""Headers whose value is not a list: of repeated lines the last applies. All others are joined (RFC 9110, 5.3)."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def to_upstream(headers: Headers, prefixes: tuple[str, ...]) -> dict[str, str]:
    """Return the caller's headers to forward to one provider, with names in lower case and repeated lines joined.

    `prefixes` are those of headers for this provider only. Headers listed in `Connection` are hop-by-hop (RFC 9110, 7.6.1).
    An invalid trace context is not forwarded.
    """
    forwarded: dict[str, str] = {}
    hop_by_hop: list[str] = []
    names, values = _columns(headers)
    for at, name in _upstream_plan(names, prefixes):
        value = values[at]
        if name == _CONNECTION:
            hop_by_hop += value.split(",")
        elif _is_printable(value):
            _add(forwarded, name, value)
    for name in hop_by_hop if forwarded else ():
        forwarded.pop(name.strip().lower(), None)
    if TRACEPARENT in forwarded or TRACESTATE in forwarded:
        forwarded |= valid_trace_context(forwarded.pop(TRACEPARENT, ""), forwarded.pop(TRACESTATE, ""))
    return forwarded


@lru_cache(maxsize=128)
def has_repeated_list(names: tuple[str, ...]) -> bool:
    """Return whether a header whose value is a list has several lines. Of all others the last line applies."""
    return any(names.count(name) > 1 for name in set(names) - _SINGLE_VALUE)


def join_repeated(names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Return headers of which lines are repeated, with one value for each name. The names are in lower case."""
    joined: dict[str, str] = {}
    for name, value in zip(names, values, strict=True):
        _add(joined, name, value)
    return joined


def _columns(headers: Headers) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names and the values, those of repeated lines each."""
    names, values = zip(*headers.items(), strict=True) if headers else ((), ())
    return names, values


def _add(headers: dict[str, str], name: str, value: str) -> None:
    """Add one line: append it to earlier lines if the header is a list, otherwise replace them."""
    headers[name] = f"{headers[name]}, {value}" if name in headers and name not in _SINGLE_VALUE else value


def to_downstream(
    headers: Headers, prefixes: tuple[str, ...] = (), rate_limits: tuple[RateLimitHeaders, ...] = OPENAI_RATE_LIMITS
) -> dict[str, str]:
    """Return the provider's headers to forward to the caller, with `rate_limits` under OpenAI's names in addition.

    `prefixes` are those of the names that only this provider's responses return. Retry-After becomes whole seconds, and the
    provider's request id becomes `x-provider-request-id`. Number and length are bounded.
    """
    given, names = _downstream_plan(tuple(headers), prefixes)
    values = [headers[name] for name in given]
    joined = "".join(values)
    if len(joined) > MAX_VALUE_LENGTH or not joined.isprintable():  # only then one of them can be too long
        forwarded = {
            name: value[:MAX_VALUE_LENGTH] for name, value in zip(names, values, strict=True) if _is_printable(value)
        }
    else:
        forwarded = dict(zip(names, values, strict=True))
    if forwarded:
        date = headers.get("date")  # times are relative to the provider's clock, which may differ from ours
        if rate_limits is not OPENAI_RATE_LIMITS:  # which already have these names
            forwarded = dict(_openai_rate_limits(forwarded, rate_limits, date)) | forwarded
        if "retry-after" in forwarded:
            forwarded["retry-after"] = _whole_seconds(forwarded["retry-after"], parse_http_date(date))
    if request_id := headers.get("x-request-id") or headers.get("request-id"):
        forwarded["x-provider-request-id"] = strip_control_chars(request_id)[:MAX_VALUE_LENGTH]
    return forwarded


def strip_control_chars(text: str) -> str:
    """Return the text without characters that are invalid in headers."""
    return text if text.isprintable() else _UNPRINTABLE.sub("", text)


def _is_printable(value: str) -> bool:
    return value.isprintable() or not _UNPRINTABLE.search(value)


# Plans: what becomes of each header, worked out once for each set of names. Providers and clients send the same names with
# every message; the caches are small because anybody may send others.


@lru_cache(maxsize=128)
def _lower_case(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


@lru_cache(maxsize=128)
def _upstream_plan(names: tuple[str, ...], prefixes: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Return position and lower-case name of each header that is forwarded to a provider, and of `Connection`."""
    known = _UPSTREAM_NAMES | {_CONNECTION}
    lower = enumerate(_lower_case(names))
    return tuple((at, name) for at, name in lower if name in known or name.startswith(prefixes))


@lru_cache(maxsize=128)
def _downstream_plan(names: tuple[str, ...], prefixes: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that are forwarded to the caller, as given, and in lower case."""
    known = (_RATE_LIMIT_PREFIX, *prefixes)
    pairs = [pair for pair in zip(names, _lower_case(names), strict=True) if len(pair[1]) <= MAX_NAME_LENGTH]
    first = [pair for pair in pairs if pair[1] in _RETURNED_FIRST]
    others = [pair for pair in pairs if pair[1] not in _RETURNED_FIRST and pair[1].startswith(known)]
    plan = (*first, *others)[:MAX_RETURNED_HEADERS]
    return tuple(given for given, _ in plan), tuple(name for _, name in plan)


def _openai_rate_limits(
    forwarded: Mapping[str, str], rate_limits: tuple[RateLimitHeaders, ...], date: str | None
) -> Iterable[tuple[str, str]]:
    """Yield rate limits under OpenAI's names. A reset time becomes the seconds from the response's Date until then."""
    for names in rate_limits:
        if not names.copy_to_openai_names:
            continue
        for part, name in (("limit", names.limit), ("remaining", names.remaining)):
            if name in forwarded:
                yield f"{_RATE_LIMIT_PREFIX}{part}-{names.unit}", forwarded[name]
        reset = forwarded.get(names.reset)
        if reset is not None and (reset_s := parse_reset(reset, parse_http_date(date))) is not None:
            yield f"{_RATE_LIMIT_PREFIX}reset-{names.unit}", f"{reset_s:g}s"


def _whole_seconds(wait: str, sent_at: float | None) -> str:
    """Return a number or a date as whole seconds, rounded up. An invalid value is returned unchanged."""
    wait_s = parse_wait(wait, sent_at)
    return wait if wait_s is None else str(math.ceil(wait_s))
