"""Cooldown of one target: how long it gets no traffic after rate limits, exhausted quota or rejected keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.resilience.classification import Classification
from proxy.retry_after import MAX_RETRY_AFTER_S

FIRST_COOLDOWN_S = 5.0
"""After a rate limit without Retry-After, doubled with each further one in a row."""
MAX_STRIKES = 3
"""Refused keys within `STRIKE_WINDOW_S` that start a cooldown of `STRIKE_COOLDOWN_S`."""
STRIKE_WINDOW_S = 60.0
STRIKE_COOLDOWN_S = 60.0


@dataclass(slots=True)
class Cooldown:
    """One target's cooldown. `Classification.cooldown_rule` decides how a failure extends it."""

    _until: float = float("-inf")
    _consecutive: int = 0
    _strikes: list[float] = field(default_factory=list)

    def remaining_s(self, now: float) -> float:
        """Seconds until the cooldown ends."""
        return max(0.0, self._until - now)

    def record_failure(self, classification: Classification, now: float) -> None:
        """Extend the cooldown as the failure requires."""
        if classification.cooldown_rule == "retry_after":
            self.extend(classification.cooldown_s, now)
        elif classification.cooldown_rule == "exponential":
            self._extend_exponentially(now)
        elif classification.cooldown_rule == "third_strike":
            self._add_strike(now)

    def record_success(self) -> None:
        """Reset the exponential cooldown and the strikes. A running cooldown continues."""
        self._consecutive = 0
        self._strikes.clear()

    def extend(self, seconds: float, now: float) -> None:
        """Let it last for at least that many seconds from now, `MAX_RETRY_AFTER_S` at most."""
        self._until = max(self._until, now + min(max(seconds, 0.0), MAX_RETRY_AFTER_S))

    def _extend_exponentially(self, now: float) -> None:
        if now >= self._until:  # failures of requests that were in flight together count as one
            self.extend(FIRST_COOLDOWN_S * 2.0 ** min(self._consecutive, 10), now)
            self._consecutive += 1

    def _add_strike(self, now: float) -> None:
        # Providers have rejected valid keys for single requests and for up to an hour, so one rejection is weak evidence.
        self._strikes = [then for then in self._strikes if now - then < STRIKE_WINDOW_S] + [now]
        if len(self._strikes) >= MAX_STRIKES:
            self._strikes.clear()
            self.extend(STRIKE_COOLDOWN_S, now)
