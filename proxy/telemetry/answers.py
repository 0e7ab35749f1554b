"""The latest answers of a target, good and bad: what its health, and that of its provider, is judged by."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from proxy.telemetry.window import Ring

MAX_LATEST = 20
"""Answers kept one by one, however old they are."""
_STEP_S = 30
_STEPS = 10
"""Steps over which good and bad answers are counted: five minutes."""


@dataclass(slots=True)
class EventSequence:
    """Numbers first contents, ends of answers and probes of all targets in the order in which they come."""

    last: int = 0

    def next(self) -> int:
        """Take the next number, from 1 on."""
        self.last += 1
        return self.last


@dataclass(slots=True)
class AnswerCount:
    """Good and bad answers of one stretch of time."""

    good: int = 0
    bad: int = 0


@dataclass(slots=True)
class LatestAnswers:
    """One target's: the latest 20 one by one, and the counts of the last five minutes."""

    latest: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_LATEST))
    """Oldest end first. Each is twice its number, plus one if it was good: so they sort by number."""
    latest_content: int = 0
    """The number that the latest first content had; its answer may not have ended yet."""
    last_bad_at: float = -inf
    """When the latest bad one ended."""
    _counts: Ring[AnswerCount] = field(default_factory=lambda: Ring(_STEP_S, _STEPS, AnswerCount))

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
        """Count the answers of the last five minutes that came after `since`, in whole steps of 30 s."""
        steps = _STEPS if since == -inf else min(int(now // _STEP_S) - int(since // _STEP_S), _STEPS)
        total = AnswerCount()
        for each in self._counts.last(steps, now) if steps > 0 else ():
            total.good += each.good
            total.bad += each.bad
        return total


def merge_latest(targets: Sequence[LatestAnswers], after: int) -> list[int]:
    """The latest answers of several targets together, as in `latest`, of those with a number after this one."""
    if len(targets) > MAX_LATEST:  # none of them is of a target that so many others have answered after
        targets = sorted(targets, key=lambda each: each.latest[-1] if each.latest else 0)[-MAX_LATEST:]
    answers = [answer for each in targets for answer in each.latest if answer > 2 * after + 1]
    return sorted(answers)[-MAX_LATEST:]


def latest_bad(answers: Iterable[int]) -> int:
    """The number of the latest bad one; 0 if there is none."""
    return max((each for each in answers if not each & 1), default=0) // 2
