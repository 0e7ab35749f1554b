"""Leaving a target alone for as long as it said, or as we guess."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.resilience.classification import Classification
from proxy.retry_after import MAX_RETRY_AFTER_S

FIRST_COOLDOWN_S = 5.0
"""Seconds after the first refusal that names no time; twice as long after each further one."""
MAX_STRIKES = 3
STRIKE_WINDOW_S = 60.0
STRIKE_COOLDOWN_S = 60.0


@dataclass(slots=True)
class Cooldown:
    """One target's."""

    _until: float = float("-inf")
    _in_a_row: int = 0
    _strikes: list[float] = field(default_factory=list)

    def remaining_s(self, now: float) -> float:
        """Seconds it is still to be left alone."""
        return max(0.0, self._until - now)

    def record_failure(self, verdict: Classification, now: float) -> None:
        """Take a failed attempt into account."""
        if verdict.cooldown_rule == "retry_after":
            self._hold(verdict.cooldown_s, now)
        elif verdict.cooldown_rule == "exponential":
            self._double(now)
        elif verdict.cooldown_rule == "third_strike":
            self._strike(now)

    def record_success(self) -> None:
        """It answers again: the next guess is a short one."""
        self._in_a_row = 0
        self._strikes.clear()

    def _hold(self, seconds: float, now: float) -> None:
        self._until = max(self._until, now + min(max(seconds, 0.0), MAX_RETRY_AFTER_S))

    def _double(self, now: float) -> None:
        if now >= self._until:  # refusals of requests that were under way at the same time are one refusal
            self._hold(FIRST_COOLDOWN_S * 2.0 ** min(self._in_a_row, 10), now)
            self._in_a_row += 1

    def _strike(self, now: float) -> None:
        """One refused key may be a hiccup: providers have refused valid keys for an hour, and single requests too."""
        self._strikes = [then for then in self._strikes if now - then < STRIKE_WINDOW_S] + [now]
        if len(self._strikes) >= MAX_STRIKES:
            self._strikes.clear()
            self._hold(STRIKE_COOLDOWN_S, now)
