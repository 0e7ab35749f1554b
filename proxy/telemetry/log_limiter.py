"""Bounds the number of log lines about what may happen any number of times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class LogLimiter:
    """Admits the first line of a kind at once, then one every `interval_s`. The number of kinds must be bounded."""

    interval_s: float
    clock: Callable[[], float]
    """Seconds, never backwards."""
    _next_at: dict[str, float] = field(default_factory=dict)
    """By kind: when the next line may follow."""
    _suppressed: dict[str, int] = field(default_factory=dict)

    def admit(self, kind: str) -> int | None:
        """Return how many lines of this kind were left out since the last one, or None if this one must be."""
        now = self.clock()
        if now < self._next_at.get(kind, now):
            self._suppressed[kind] = self._suppressed.get(kind, 0) + 1
            return None
        self._next_at[kind] = now + self.interval_s
        return self._suppressed.pop(kind, 0)
