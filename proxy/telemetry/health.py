"""Rules for the health of a target, and of a provider, region or model as a group of targets.

The first rule of `STATUS_RULES` that holds for the evidence gives status and reason. The evidence is each target's
availability and record, and the latest outage of the group, which `status_history.py` keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from msgspec import Struct

from proxy.resilience.availability import UNTRIED, Availability, ProbeFailure
from proxy.telemetry.answers import latest_bad, merge_latest
from proxy.telemetry.observations import Record

Status = Literal["healthy", "degraded", "down", "disabled"]

HEALTH_WINDOW_S = 300.0
"""The window of attempts, uptime and other rates."""
RECOVERY_SUCCESSES = 5
"""Successes or good probes in a row that end an outage."""
_ACTIVE_BEFORE_LAST_S = 60.0
"""After traffic has stopped, the targets that were tried this long before the last attempt stay active."""
_MIN_ANSWERS = 5
"""Fewer answers prove no failure."""
_MIN_COUNTED = 20
"""Fewer answers in five minutes prove no lack of reliability."""
_MIN_GOOD_RATIO = 0.95


@dataclass(frozen=True, slots=True)
class Health:
    """A status as it is reported."""

    status: Status
    reason: str | None = None
    since: float | None = None
    """When the status last changed, or None if it never has."""


HEALTHY = Health("healthy")


class Member(Struct, frozen=True):
    """What is known of one target in a group."""

    availability: Availability = UNTRIED
    record: Record | None = None
    """None if the target was never tried."""
    good_probes: Sequence[int] | None = None
    """Sequence numbers of the successful probes in a row of its region, or None if it is not probed."""

    def is_clean(self, now: float) -> bool:
        """Whether no rule can hold for this target."""
        availability, record = self.availability, self.record
        if availability.only_failed or availability.probe_failure is not None or availability.available_in_s > 0:
            return False
        return record is None or not (
            record.answers.last_bad_at > now - HEALTH_WINDOW_S or record.answers.has_bad or record.trend.is_slow
        )


@dataclass(frozen=True, slots=True)
class Outage:
    """The latest outage of a group. Its times are sequence numbers of answers and probes."""

    is_over: bool = True
    by_probes: bool = False
    """Whether only probes have shown it."""
    last_down: int = 0
    """The latest number while the group was down."""
    last_over: int = 0
    """The latest number when the outage was over. Answers up to that one no longer count."""
    ended_at: float = -inf


NO_OUTAGE = Outage()


class Evidence:
    """What the rules look at: a group of targets at one moment. A single target is a group of one.

    `active` are the members that were tried in the last five minutes. If none was: those tried last, or all members
    if none was ever tried or the group is probed.
    """

    __slots__ = ("_is_failing", "_latest", "active", "answers", "members", "now", "outage")

    def __init__(self, members: Sequence[Member], outage: Outage, now: float) -> None:
        self.members, self.outage, self.now = members, outage, now
        self.active = members if len(members) == 1 else self._active()
        self.answers = [each.record.answers for each in members if each.record]
        self._latest: list[int] | None = None
        self._is_failing: bool | None = None

    def _active(self) -> Sequence[Member]:
        newest = max([each.record.tried_at for each in self.members if each.record], default=-inf)
        if newest < self.now - HEALTH_WINDOW_S and (newest == -inf or self.is_probed):
            return self.members
        since = min(self.now - HEALTH_WINDOW_S, newest - _ACTIVE_BEFORE_LAST_S)
        return [each for each in self.members if each.record and each.record.tried_at >= since]

    @property
    def latest_answers(self) -> list[int]:
        """The latest answers of all members since the last recovery, merged on first use because few rules need them."""
        if self._latest is None:
            self._latest = merge_latest(self.answers, self.outage.last_over)
        return self._latest

    @property
    def good_count(self) -> int:
        """The number of good answers among the latest."""
        return sum([each & 1 for each in self.latest_answers])

    @property
    def worst_probe_failure(self) -> ProbeFailure | None:
        """A probe failure of a member that is down, else any."""
        failures = [each.availability.probe_failure for each in self.members if each.availability.probe_failure]
        return min(failures, key=lambda each: each.status != "down", default=None)

    @property
    def is_probed(self) -> bool:
        """Whether any member is probed."""
        return any(each.good_probes is not None for each in self.members)

    @property
    def all_down(self) -> bool:
        """Whether every active member is down."""
        return all(each.availability.is_down for each in self.active)

    @property
    def is_failing(self) -> bool:
        """Whether fewer than half of the latest answers were good."""
        if self._is_failing is None:
            self._is_failing = len(self.latest_answers) >= _MIN_ANSWERS and 2 * self.good_count < len(
                self.latest_answers
            )
        return self._is_failing

    @property
    def is_answering(self) -> bool:
        """Whether a success, a first content or a good probe came after the latest bad answer."""
        bad = latest_bad(self.latest_answers)
        return self._successes_after(bad) > 0 or any(each.latest_content > bad for each in self.answers)

    def _successes_after(self, after: int) -> int:
        """Count the successes and good probes after that number. A probe of several regions counts once."""
        probes = {number for each in self.members for number in each.good_probes or () if number > after}
        return len(probes) + sum([each & 1 for each in self.latest_answers if each > 2 * after + 1])

    @property
    def is_recovering(self) -> bool:
        """Whether the group was down and has not recovered yet."""
        return (not self.outage.is_over or self.is_failing) and not self.has_recovered

    @property
    def has_recovered(self) -> bool:
        """Whether an outage has ended: by successes in a row, or because the probes that showed it were turned off."""
        if self.all_down or (self.outage.is_over and not self.is_failing):
            return False
        is_unprobed = self.outage.by_probes and not self.is_probed
        return (
            is_unprobed
            or self._successes_after(max(latest_bad(self.latest_answers), self.outage.last_down)) >= RECOVERY_SUCCESSES
        )

    @property
    def is_unreliable(self) -> bool:
        """Whether fewer than 95 % of the answers of the last five minutes were good."""
        if all(each.last_bad_at <= self.now - HEALTH_WINDOW_S for each in self.answers):
            return False
        counts = [each.count(self.outage.ended_at, self.now) for each in self.answers]
        good, bad = sum([each.good for each in counts]), sum([each.bad for each in counts])
        return good + bad >= _MIN_COUNTED and good < _MIN_GOOD_RATIO * (good + bad)

    @property
    def is_slow(self) -> bool:
        """Whether most first contents of active members come from slow ones."""
        trends = [each.record.trend for each in self.active if each.record]
        slow = sum([trend.samples for trend in trends if trend.is_slow])
        return slow > 0 and 2 * slow > sum([trend.samples for trend in trends])

    def any_active(self, holds: Callable[[Availability], bool]) -> bool:
        """Whether the condition holds for an active member."""
        return any(holds(each.availability) for each in self.active)


def _down_reason(evidence: Evidence) -> str:
    failure = evidence.worst_probe_failure
    return failure.reason if failure else "ejected, and no success since"


def _degraded_reason(evidence: Evidence) -> str:
    failure = evidence.worst_probe_failure
    return failure.reason if failure else ""


def _failing_reason(evidence: Evidence) -> str:
    return f"{evidence.good_count} of the last {len(evidence.latest_answers)} answers were good"


def _fixed(reason: str) -> Callable[[Evidence], str]:
    return lambda evidence: reason


STATUS_RULES: tuple[tuple[Status, Callable[[Evidence], bool], Callable[[Evidence], str]], ...] = (
    ("down", lambda evidence: evidence.all_down, _down_reason),
    ("down", lambda evidence: evidence.is_failing and not evidence.is_answering, _failing_reason),
    ("degraded", lambda evidence: evidence.worst_probe_failure is not None, _degraded_reason),
    ("degraded", lambda evidence: evidence.is_recovering, _fixed("recovering")),
    (
        "degraded",
        lambda evidence: evidence.any_active(lambda each: each.ejected_for_s > 0),
        _fixed("some targets are ejected"),
    ),
    ("degraded", lambda evidence: evidence.any_active(lambda each: each.cooling_for_s > 0), _fixed("cooling down")),
    ("degraded", lambda evidence: evidence.is_unreliable, _fixed("under 95 % of the answers were good")),
    ("degraded", lambda evidence: evidence.is_slow, _fixed("first content over three times as slow as usual")),
)
"""Status, condition and reason. The first condition that holds counts, and without one the group is healthy."""


def evaluate(evidence: Evidence) -> tuple[Status, str | None]:
    """Return the status at this moment and the reason for it, None if it is healthy."""
    for status, holds, reason in STATUS_RULES:
        if holds(evidence):
            return status, reason(evidence)
    return "healthy", None


def disabled_health(reason: str) -> Health:
    """Return the health of a target that is never tried."""
    return Health("disabled", reason)
