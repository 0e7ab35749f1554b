"""Warnings of trouble that is this machine's own: one line for each kind a minute, however many requests it hits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from proxy.errors import ParrotError

INTERVAL_S = 60.0
"""Between two lines about one kind of trouble."""


@dataclass(slots=True)
class LocalFailureLog:
    """Logs the first of its kind at once, and then at most one every `INTERVAL_S` with the number of those left out."""

    log: FilteringBoundLogger
    clock: Callable[[], float]
    _due: dict[str, float] = field(default_factory=dict)
    """Kind -> when the next line may follow."""
    _left_out: dict[str, int] = field(default_factory=dict)

    def warn(self, error: ParrotError) -> None:
        """Log it, or count it."""
        kind, now = error.code, self.clock()
        if now < self._due.get(kind, now):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._due[kind] = now + INTERVAL_S
        self.log.warning(kind, reason=error.message, left_out=self._left_out.pop(kind, 0))
