"""Logs failures of this machine, such as no route: one line a minute for each kind, however many requests it affects."""

from __future__ import annotations

from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from proxy.errors import ParrotError
from proxy.telemetry.log_limiter import LogLimiter

INTERVAL_S = 60.0
"""Between two lines about one kind of failure."""


class LocalFailureLog:
    """Logs the first failure of a kind at once, then one every `INTERVAL_S` with the number of lines suppressed in between."""

    __slots__ = ("_limiter", "log")

    def __init__(self, log: FilteringBoundLogger, clock: Callable[[], float]) -> None:
        self.log = log
        self._limiter = LogLimiter(INTERVAL_S, clock)

    def warn(self, error: ParrotError) -> None:
        """Log the failure, or count it as left out."""
        if (suppressed := self._limiter.admit(error.code)) is not None:
            self.log.warning(error.code, reason=error.message, suppressed=suppressed)
