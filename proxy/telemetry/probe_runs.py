"""The good probes in a row of each probed place: they show that a target is back which no request has tried yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from proxy.telemetry.answers import EventSequence

MAX_KEPT = 5


@dataclass(slots=True)
class ProbeRuns:
    """Numbers of good probes, by place (`openai@us-east-1`)."""

    sequence: EventSequence
    _runs: dict[str, deque[int]] = field(default_factory=dict)

    def record(self, places: Iterable[str], good: bool) -> None:
        """Record one probe of an address that serves these places; a bad one ends the run of good ones."""
        number = self.sequence.next()
        for place in places:
            run = self._runs.setdefault(place, deque(maxlen=MAX_KEPT))
            if good:
                run.append(number)
            else:
                run.clear()

    def forget(self, places: Iterable[str]) -> None:
        """Forget places that are not probed any more."""
        for place in places:
            self._runs.pop(place, None)

    def good_probes(self, target: str) -> Sequence[int] | None:
        """Numbers of the good probes in a row at the target's place; None if it is not probed."""
        return self._runs.get(target.partition("/")[0]) if self._runs else None
