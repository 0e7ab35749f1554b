"""Turns the results of one endpoint's health probes into a probe failure: degraded at first, then down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.config.schema import ProbeConfig
from proxy.resilience.availability import ProbeFailure
from proxy.resilience.classification import CLASSIFICATIONS


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How a probe failed."""

    trigger: str
    """Class of the failure, a key of `CLASSIFICATIONS`."""
    reason: str
    """In a few words: `connection refused`, `503`."""


@dataclass(slots=True)
class ProbeHistory:
    """Counts the consecutive failed probes of one endpoint."""

    settings: ProbeConfig
    _consecutive_failures: int = 0

    def record(self, result: ProbeResult | None, now: float, has_answered: Callable[[], bool]) -> ProbeFailure | None:
        """Record a probe and return the failure to report for the endpoint, or None if it is reachable.

        `result` is None for a success. A response that would not count against the uptime, such as 404 or 429, is
        a success too. `has_answered` returns whether requests have succeeded there since the previous probe.
        """
        if result is None or not (classification := CLASSIFICATIONS[result.trigger]).fault:
            self._consecutive_failures = 0
            return None
        self._consecutive_failures = 1 if has_answered() else self._consecutive_failures + 1
        reason = f"probe: {result.reason}"
        if self._consecutive_failures < self.settings.failures:
            return ProbeFailure(result.trigger, reason)
        # The next probe ends before this time: the hold runs out only if probing stops.
        hold_until = now + 2 * self.settings.every + self.settings.timeout
        # A rejected key or an exhausted quota is not an outage. As after live attempts, the target is only degraded.
        is_outage = classification.consecutive == "increment"
        return ProbeFailure(result.trigger, reason, "down" if is_outage else "degraded", hold_until)
