"""How long a target may be silent, and whether it is silent to everyone.

A target is suspect while `MIN_SILENT` requests wait there past its threshold and nothing at all has arrived from it since
the first of them began. One slow answer is no sign of an outage, and neither are several while others get theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

MIN_SILENT = 3
MAX_FLOOR_S = 120.0
FLOOR_HELD_S = 3600.0
"""How long the latest slow answer keeps the threshold up."""


class Waiting(Protocol):
    """A request that waits for the first content of its attempt."""

    def suspect(self) -> None:
        """Take notice that the target has become suspect."""


@dataclass(slots=True)
class Silence:
    """What is known of one target's silence."""

    reads: int = 0
    """Parts of responses that have arrived. Only whether it has changed matters."""
    waiting: dict[Waiting, int] = field(default_factory=dict)
    """The requests that wait there, each with `reads` as it was when the request began."""
    _overdue: set[Waiting] = field(default_factory=set)
    """Those past the threshold, as far as nothing had arrived since they began when `_seen_reads` was `reads`."""
    _seen_reads: int = 0
    _floor_s: float = 0.0
    _floor_ends: float = 0.0

    @property
    def is_suspect(self) -> bool:
        """Whether it is silent to everyone."""
        return len(self._overdue) >= MIN_SILENT and self._count_silent() >= MIN_SILENT

    def begin(self, request: Waiting) -> None:
        """Note that a request waits for its first content."""
        self.waiting[request] = self.reads

    def end(self, request: Waiting) -> None:
        """Note that it no longer waits."""
        self.waiting.pop(request, None)
        self._overdue.discard(request)

    def pass_threshold(self, request: Waiting) -> bool:
        """Note that a waiting request is past the threshold, and return whether the target is suspect.

        All requests waiting there are notified when it becomes suspect.
        """
        before = self._count_silent()
        if self.waiting[request] == self.reads:
            self._overdue.add(request)
        after = len(self._overdue)
        if before < MIN_SILENT <= after:
            for each in list(self.waiting):
                each.suspect()
        return after >= MIN_SILENT

    def is_silent_to(self, request: Waiting) -> bool:
        """Return whether nothing at all has arrived from the target since that request began to wait."""
        return self.waiting.get(request) == self.reads

    def floor_s(self, now: float) -> float:
        """Return the least threshold in seconds, by the slow answers of the last hour. 0 without any."""
        return self._floor_s if now < self._floor_ends else 0.0

    def raise_floor(self, waited_s: float, now: float) -> None:
        """Take in that an answer took this long, or that it had not come by then: a threshold is twice that."""
        self._floor_s = max(self.floor_s(now), min(2 * waited_s, MAX_FLOOR_S))
        self._floor_ends = now + FLOOR_HELD_S

    def _count_silent(self) -> int:
        """Return how many overdue requests have seen it silent all the time. The others never will again."""
        if self._seen_reads != self.reads:
            self._seen_reads = self.reads
            self._overdue = {each for each in self._overdue if self.waiting[each] == self.reads}
        return len(self._overdue)
