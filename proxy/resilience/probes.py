"""What a row of probes means: whoever answers at all is there, one that stays silent is in trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.config.schema import ProbeConfig
from proxy.resilience.classification import CLASSIFICATIONS
from proxy.telemetry.health import ProbeFailure


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How a probe failed."""

    trigger: str
    """Its class, a key of `CLASSIFICATIONS`."""
    reason: str
    """In a few words: `connection refused`, `503`."""


@dataclass(slots=True)
class ProbeHistory:
    """The probes of one endpoint, one after another."""

    settings: ProbeConfig
    _run: int = 0
    """Failures in a row."""

    def record(self, result: ProbeResult | None, now: float, has_answered: Callable[[], bool]) -> ProbeFailure | None:
        """The trouble that the latest probe leaves; `has_answered` says whether requests were answered meanwhile.

        What would not count against the uptime of a live target, such as 404 or 429, is an answer as good as any.
        """
        if result is None or not (verdict := CLASSIFICATIONS[result.trigger]).fault:
            self._run = 0
            return None
        self._run = 1 if has_answered() else self._run + 1
        reason = f"probe: {result.reason}"
        if self._run < self.settings.failures:
            return ProbeFailure(result.trigger, reason)
        # The next finding is due before this: only if nobody probes any more does it end by itself.
        until = now + 2 * self.settings.every + self.settings.timeout
        # A key that is refused, or an account without credit, is no outage: as with live attempts it cools.
        return ProbeFailure(result.trigger, reason, "down" if verdict.consecutive == "increment" else "degraded", until)
