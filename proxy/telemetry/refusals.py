"""Counts and logs what a listener refuses before it is a request: malformed requests and connections over the limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from proxy.errors import ParrotError
from proxy.telemetry.log_limiter import LogLimiter

INTERVAL_S = 1.0
"""Between two lines with the same code, so that a flood of such requests does not flood the log."""


class Refusals:
    """Counts every refusal, and logs `request_refused` at most every `INTERVAL_S` for each code.

    Nothing of the request is logged, as it may be anything, a key included.
    """

    __slots__ = ("_counts", "_limiter", "_log")

    def __init__(self, log: FilteringBoundLogger, clock: Callable[[], float], counts: Counter[tuple[str, str]]) -> None:
        self._log = log
        self._limiter = LogLimiter(INTERVAL_S, clock)
        self._counts = counts

    def record(self, error: ParrotError) -> None:
        """Record one error that was sent in place of serving."""
        self._counts[error.code, str(error.status)] += 1
        if (suppressed := self._limiter.admit(error.code)) is not None:
            self._log.warning("request_refused", status=error.status, code=error.code, suppressed=suppressed)
