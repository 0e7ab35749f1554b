"""What a row of probes means: whoever answers at all is there, one that stays silent is in trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.config.schema import Probe
from proxy.resilience.verdict import VERDICTS
from proxy.telemetry.health import Trouble


@dataclass(frozen=True, slots=True)
class Finding:
    """How a probe failed."""

    trigger: str
    """Its class, a key of `VERDICTS`."""
    reason: str
    """In a few words: `connection refused`, `503`."""


@dataclass(slots=True)
class Course:
    """The probes of one endpoint, one after another."""

    settings: Probe
    _run: int = 0
    """Failures in a row."""

    def takes(self, finding: Finding | None, now: float, answering: Callable[[], bool]) -> Trouble | None:
        """The trouble that the latest probe leaves; `answering` says whether requests were answered meanwhile.

        What would not count against the uptime of a live target, such as 404 or 429, is an answer as good as any.
        """
        if finding is None or not (verdict := VERDICTS[finding.trigger]).fault:
            self._run = 0
            return None
        self._run = 1 if answering() else self._run + 1
        reason = f"probe: {finding.reason}"
        if self._run < self.settings.failures:
            return Trouble(finding.trigger, reason)
        # The next finding is due before this: only if nobody probes any more does it end by itself.
        until = now + 2 * self.settings.every + self.settings.timeout
        # A key that is refused, or an account without credit, is no outage: as with live attempts it cools.
        return Trouble(finding.trigger, reason, "down" if verdict.run == "grows" else "degraded", until)
