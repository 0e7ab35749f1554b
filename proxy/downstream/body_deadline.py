"""Until when more of a caller's body must arrive: it may pause for a while, and must not trickle.

How: every byte that arrives puts the deadline off by what it takes at `MIN_BODY_RATE`, up to `BODY_TIMEOUT_S` from now.
So a large body may take hours, while one that brings a byte now and then is given up, whatever it brought before.
"""

from __future__ import annotations

from proxy.errors import RequestTimeoutError

BODY_TIMEOUT_S = 30.0
"""How long the caller may be silent while it sends its body."""
LINGER_S = 10.0
"""How long the rest of a body is read after the response, so that the response is not lost in a reset."""
MIN_BODY_RATE = 1000
"""Bytes per second that a body must bring, apart from pauses of `BODY_TIMEOUT_S`."""


def extend_body_due(due: float, now: float, size: int) -> float:
    """Return the deadline (`loop.time()`) after `size` more bytes of a body have arrived before its deadline `due`."""
    return min(due + size / MIN_BODY_RATE, now + BODY_TIMEOUT_S)


def body_timeout() -> RequestTimeoutError:
    """Return the error for a body that was given up."""
    return RequestTimeoutError(
        f"the body arrived too slowly: nothing for {BODY_TIMEOUT_S:g} s, or less than {MIN_BODY_RATE} bytes per second"
    )
