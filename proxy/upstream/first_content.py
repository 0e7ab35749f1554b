"""How long one attempt has for its first content, or for its complete response."""

from __future__ import annotations

from math import inf

from proxy.errors import CallerTimeout, ParrotError, UpstreamTimeout
from proxy.exchange import Attempt


class FirstContentLimit:
    """The time that an attempt has, from the moment at which this is made (`now`, by `loop.time()`)."""

    __slots__ = ("_caller_due", "limit_s")

    def __init__(self, attempt: Attempt, now: float) -> None:
        timeouts = attempt.step.target.timeouts
        self.limit_s: float = timeouts.first_token if attempt.exchange.facts.stream else timeouts.response
        """Seconds."""
        self._caller_due = inf
        if (own_s := attempt.first_content_timeout_s) is not None and own_s < self.limit_s:
            self.limit_s, self._caller_due = own_s, now + own_s

    def attribute(self, failure: ParrotError, now: float) -> ParrotError:
        """Return the attempt's failure. A timeout past the caller's own limit is no fault of the target."""
        if now < self._caller_due or not isinstance(failure, UpstreamTimeout):
            return failure
        return CallerTimeout(f"{failure.message}, which the request limits by max_additional_latency_ms")
