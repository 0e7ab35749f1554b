"""Logs failures of this machine, such as no route: one line a minute for each kind, however many requests it affects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from proxy.errors import ParrotError

INTERVAL_S = 60.0
"""Between two lines about one kind of failure."""


@dataclass(slots=True)
class LocalFailureLog:
    """Logs the first failure of a kind at once, then one every `INTERVAL_S` with the number of lines suppressed in between."""

    log: FilteringBoundLogger
    clock: Callable[[], float]
    _next_at: dict[str, float] = field(default_factory=dict)
    """By error code: when the next line may follow."""
    _suppressed: dict[str, int] = field(default_factory=dict)

    def warn(self, error: ParrotError) -> None:
        """Log the failure, or count it as left out."""
        code, now = error.code, self.clock()
        if now < self._next_at.get(code, now):
            self._suppressed[code] = self._suppressed.get(code, 0) + 1
            return
        self._next_at[code] = now + INTERVAL_S
        self.log.warning(code, reason=error.message, suppressed=self._suppressed.pop(code, 0))
