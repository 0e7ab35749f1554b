"""The W3C trace context of a request: `traceparent` and `tracestate`, as far as they are valid.

https://www.w3.org/TR/trace-context/: an invalid `traceparent` is ignored, and then `tracestate` is too.
"""

from __future__ import annotations

import re

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_VALID = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-[!-+.-~-]*)?"
)
"""Version, trace id, parent id and flags. Later versions may append members, version 00 has none.

No comma: it stands between the values of repeated lines, which are invalid.
"""
_MAX_LENGTH = 512
_MAX_STATE_MEMBERS = 32


def valid_trace_context(traceparent: str, tracestate: str) -> dict[str, str]:
    """Return the headers to forward: both, `traceparent` alone, or none.

    The values are those of all lines of a header, joined with commas. Empty for a header that was not sent.
    """
    match = _VALID.fullmatch(traceparent) if len(traceparent) <= _MAX_LENGTH else None
    if match is None or (match["version"] == "00" and match["more"] is not None):
        return {}
    members = [member for each in tracestate.split(",") if (member := each.strip(" \t"))]
    if not members or len(members) > _MAX_STATE_MEMBERS:
        return {TRACEPARENT: traceparent}
    return {TRACEPARENT: traceparent, TRACESTATE: ",".join(members)}
