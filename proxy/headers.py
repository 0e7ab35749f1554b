"""Which headers cross the proxy and which stop; a sidecar speaks for one application, with its own keys."""

from __future__ import annotations

import re
from collections.abc import Iterable

from proxy.messages import Headers

# Outwards an allow list, so that nothing of the caller's leaks by being new.
_UPSTREAM_NAMES = frozenset({"user-agent", "idempotency-key", "traceparent", "tracestate", "x-client-request-id"})
_UPSTREAM_PREFIXES = ("openai-", "anthropic-", "x-stainless-")

# Back inwards likewise: what describes the answer and the limits, never cookies or the provider's own plumbing.
_DOWNSTREAM_NAMES = frozenset({"retry-after", "retry-after-ms", "x-should-retry", "openai-processing-ms", "cf-ray"})
_DOWNSTREAM_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def to_upstream(headers: Headers) -> dict[str, str]:
    """What of the caller's headers a provider may see; what `Connection` lists is hop-by-hop (RFC 9110, 7.6.1)."""
    hop_by_hop = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    crossing = _crossing(headers, _UPSTREAM_NAMES, _UPSTREAM_PREFIXES)
    return {name: value for name, value in crossing if name not in hop_by_hop}


def to_downstream(headers: Headers) -> dict[str, str]:
    """What of a provider's headers the caller gets; the provider's request id under a name of its own."""
    crossing = dict(_crossing(headers, _DOWNSTREAM_NAMES, _DOWNSTREAM_PREFIXES))
    if request_id := headers.get("x-request-id") or headers.get("request-id"):
        crossing["x-provider-request-id"] = printable(request_id)[:256]
    return crossing


def printable(text: str) -> str:
    """The text less what no header may hold."""
    return _UNPRINTABLE.sub("", text)


def _crossing(headers: Headers, names: frozenset[str], prefixes: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    for name, value in headers.items():
        name = name.lower()
        if (name in names or name.startswith(prefixes)) and not _UNPRINTABLE.search(value):
            yield name, value
