"""Consecutive successful health probes by provider and region: they show the recovery of targets without traffic."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from proxy.telemetry.answers import EventSequence

MAX_KEPT = 5


@dataclass(slots=True)
class ProbeRuns:
    """Sequence numbers of the successful probes in a row, by provider and region (`openai@us-east-1`)."""

    sequence: EventSequence
    _runs: dict[str, deque[int]] = field(default_factory=dict)

    def record(self, provider_regions: Iterable[str], good: bool) -> None:
        """Record one probe of an address that serves these regions. A failure ends their runs."""
        number = self.sequence.next()
        for provider_region in provider_regions:
            run = self._runs.setdefault(provider_region, deque(maxlen=MAX_KEPT))
            if good:
                run.append(number)
            else:
                run.clear()

    def forget(self, provider_regions: Iterable[str]) -> None:
        """Drop regions that are no longer probed."""
        for provider_region in provider_regions:
            self._runs.pop(provider_region, None)

    def good_probes(self, target: str) -> Sequence[int] | None:
        """Return the run of the target's region, or None if it is not probed."""
        return self._runs.get(target.partition("/")[0]) if self._runs else None
