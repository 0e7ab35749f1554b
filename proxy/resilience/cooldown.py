"""Leaving a target alone for as long as it said, or as we guess."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.resilience.retry_after import LONGEST
from proxy.resilience.verdict import Verdict

FIRST = 5.0
"""Seconds after the first refusal that names no time; twice as long after each further one."""
STRIKES = 3
STRUCK_WITHIN = 60.0
STRUCK_FOR = 60.0


@dataclass(slots=True)
class Cooldown:
    """One target's."""

    _until: float = float("-inf")
    _in_a_row: int = 0
    _strikes: list[float] = field(default_factory=list)

    def left(self, now: float) -> float:
        """Seconds it is still to be left alone."""
        return max(0.0, self._until - now)

    def failed(self, verdict: Verdict, now: float) -> None:
        """Take a failed attempt into account."""
        if verdict.cools == "told":
            self._hold(verdict.cooldown, now)
        elif verdict.cools == "doubling":
            self._double(now)
        elif verdict.cools == "third":
            self._strike(now)

    def succeeded(self) -> None:
        """It answers again: the next guess is a short one."""
        self._in_a_row = 0
        self._strikes.clear()

    def _hold(self, seconds: float, now: float) -> None:
        self._until = max(self._until, now + min(max(seconds, 0.0), LONGEST))

    def _double(self, now: float) -> None:
        if now >= self._until:  # refusals of requests that were under way at the same time are one refusal
            self._hold(FIRST * 2.0 ** min(self._in_a_row, 10), now)
            self._in_a_row += 1

    def _strike(self, now: float) -> None:
        """One refused key may be a hiccup: providers have refused valid keys for an hour, and single requests too."""
        self._strikes = [then for then in self._strikes if now - then < STRUCK_WITHIN] + [now]
        if len(self._strikes) >= STRIKES:
            self._strikes.clear()
            self._hold(STRUCK_FOR, now)
