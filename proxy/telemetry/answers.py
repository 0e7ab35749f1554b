"""The latest answers of a target, good or bad, which decide the health of the target and of its provider.

Answers and probes of all targets are numbered in the order in which they end, so that those of several targets can be
merged, and an outage or a recovery can be placed between them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from proxy.telemetry.window import Ring

MAX_LATEST = 20
"""Answers that are kept one by one, however old they are."""
_BUCKET_S = 30
_BUCKETS = 10
"""Good and bad answers are counted over five minutes."""


@dataclass(slots=True)
class EventSequence:
    """Numbers the first contents, ends of answers and probes of all targets."""

    last: int = 0

    def next(self) -> int:
        """Take the next number, starting with 1."""
        self.last += 1
        return self.last


@dataclass(slots=True)
class AnswerCount:
    """Good and bad answers of a span of time."""

    good: int = 0
    bad: int = 0


@dataclass(slots=True)
class LatestAnswers:
    """One target's answers: the latest 20 one by one, and counts of the last five minutes."""

    latest: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_LATEST))
    """Oldest first. Each is twice its number, plus one if the answer was good, so that they sort by number."""
    latest_content: int = 0
    """Number of the latest first content. That answer may not have ended yet."""
    last_bad_at: float = -inf
    """When the latest bad answer ended."""
    _counts: Ring[AnswerCount] = field(default_factory=lambda: Ring(_BUCKET_S, _BUCKETS, AnswerCount))

    def add(self, number: int, good: bool, now: float) -> None:
        """Record an answer that has ended."""
        self.latest.append(2 * number + good)
        count = self._counts.at(now)
        if good:
            count.good += 1
        else:
            count.bad += 1
            self.last_bad_at = now

    @property
    def has_bad(self) -> bool:
        """Whether one of the latest answers was bad."""
        return self.last_bad_at > -inf and not all(each & 1 for each in self.latest)

    def count(self, since: float, now: float) -> AnswerCount:
        """Count the answers of the last five minutes that ended after `since`, in whole buckets of 30 s."""
        buckets = _BUCKETS if since == -inf else min(int(now // _BUCKET_S) - int(since // _BUCKET_S), _BUCKETS)
        total = AnswerCount()
        for each in self._counts.last(buckets, now) if buckets > 0 else ():
            total.good += each.good
            total.bad += each.bad
        return total


def merge_latest(targets: Sequence[LatestAnswers], after: int) -> list[int]:
    """Merge the latest answers of several targets that have a number above `after`, encoded as in `latest`."""
    if len(targets) > MAX_LATEST:  # of more targets, only those that answered last can be among the latest
        targets = sorted(targets, key=lambda each: each.latest[-1] if each.latest else 0)[-MAX_LATEST:]
    answers = [answer for each in targets for answer in each.latest if answer > 2 * after + 1]
    return sorted(answers)[-MAX_LATEST:]


def latest_bad(answers: Iterable[int]) -> int:
    """Return the number of the latest bad answer, or 0."""
    return max((each for each in answers if not each & 1), default=0) // 2
