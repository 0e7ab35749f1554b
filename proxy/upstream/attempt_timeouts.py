"""How long one attempt has for its first content or its complete response, and how long its stream may be silent."""

from __future__ import annotations

from math import inf

from proxy.config.schema import Timeouts
from proxy.errors import CallerTimeout, ParrotError, UpstreamTimeout
from proxy.exchange import Attempt
from proxy.messages import Transfer

PATIENT_S = 600.0
"""The time for a model that thinks, and for the last target, where the file has left the default as it is."""
_DEFAULTS = Timeouts()


class AttemptTimeouts:
    """The timeouts of an attempt that starts at the moment at which this is made (`now`, by `loop.time()`)."""

    __slots__ = ("_attempt", "_caller_due", "_started", "is_reasoning", "limit_s")

    def __init__(self, attempt: Attempt, now: float) -> None:
        self._attempt = attempt
        self._started = now
        self.limit_s = _limit_s(attempt)
        """Seconds for the first content of a stream, or for a complete response."""
        self.is_reasoning = False
        """Whether the stream has begun, its model was asked to think, and there is no text yet."""
        self._caller_due = inf
        if (own_s := attempt.first_content_timeout_s) is not None and own_s < self.limit_s:
            self.limit_s, self._caller_due = own_s, now + own_s

    def attribute(self, failure: ParrotError, now: float) -> ParrotError:
        """Return the attempt's failure. A timeout past the caller's own limit is no fault of the target."""
        if now < self._caller_due or not isinstance(failure, UpstreamTimeout):
            return failure
        return CallerTimeout(f"{failure.message}, which the request limits by max_additional_latency_ms")

    def extend(self, transfer: Transfer | None, now: float) -> None:
        """Wait on for the first content, because the provider has shown that it works on the request."""
        first_token = self._attempt.step.target.timeouts.first_token
        if transfer is not None and self._caller_due == inf and first_token == _DEFAULTS.first_token:
            deadline = max(now + first_token, self._started + self.limit_s)
            transfer.set_timeouts(deadline=min(deadline, self._started + PATIENT_S), idle_timeout_s=inf)

    def open(self, transfer: Transfer | None) -> None:
        """Begin to watch the silence of a stream that has its first content."""
        attempt = self._attempt
        self._caller_due = inf
        self.is_reasoning = attempt.exchange.facts.asks_for_reasoning and not attempt.completion.length
        idle_s = _reasoning_idle_s(attempt) if self.is_reasoning else attempt.step.target.timeouts.idle
        if transfer is not None:
            transfer.set_timeouts(deadline=inf, idle_timeout_s=idle_s)

    def end_reasoning(self, transfer: Transfer | None) -> None:
        """Watch for shorter silences once the text has begun."""
        self.is_reasoning = False
        if transfer is not None:
            transfer.set_timeouts(deadline=inf, idle_timeout_s=self._attempt.step.target.timeouts.idle)


def _reasoning_idle_s(attempt: Attempt) -> float:
    """Return how long a stream may be silent while its model thinks."""
    idle_s = attempt.step.target.timeouts.idle
    return PATIENT_S if idle_s == _DEFAULTS.idle else idle_s


def _limit_s(attempt: Attempt) -> float:
    timeouts, facts = attempt.step.target.timeouts, attempt.exchange.facts
    if facts.stream:
        limit_s, default, is_patient = timeouts.first_token, _DEFAULTS.first_token, facts.asks_for_reasoning
    else:
        limit_s, default, is_patient = (
            timeouts.response,
            _DEFAULTS.response,
            facts.asks_for_reasoning or attempt.is_last,
        )
    return PATIENT_S if is_patient and limit_s == default else limit_s
