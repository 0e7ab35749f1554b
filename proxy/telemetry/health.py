"""Rules for the status of a target, and of a provider, region or model as the group of its targets."""

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
"""Seconds that attempts, uptime and the other rates are taken over."""
RECOVERY_SUCCESSES = 5
"""Successes or good probes in a row that end an outage."""
_IDLE_S = 60.0
"""Once traffic stops, the targets stay in use that were tried this long before its last attempt."""
_MIN_ANSWERS = 5
"""Answers under which their failing proves nothing."""
_MIN_COUNTED = 20
"""The same for the rate of five minutes."""
_MIN_GOOD = 0.95


@dataclass(frozen=True, slots=True)
class Health:
    """A status as it is shown."""

    status: Status
    reason: str | None = None
    since: float | None = None
    """When it last changed; None if it never has."""


HEALTHY = Health("healthy")


class Member(Struct, frozen=True):
    """What is known of one target of a group."""

    availability: Availability = UNTRIED
    record: Record | None = None
    """None: it was never tried."""
    good_probes: Sequence[int] | None = None
    """Numbers of the good probes in a row at its place; None: it is not probed."""

    def is_clean(self, now: float) -> bool:
        """Whether no rule can hold for it."""
        standing, record = self.availability, self.record
        if standing.only_failed or standing.probe_failure is not None or standing.available_in_s > 0:
            return False
        return record is None or not (
            record.answers.last_bad_at > now - HEALTH_WINDOW_S or record.answers.has_bad or record.trend.is_slow
        )


@dataclass(frozen=True, slots=True)
class Outage:
    """A group's latest time of being down, in the numbers of answers and probes."""

    is_over: bool = True
    by_probes: bool = False
    """Only probes have shown it."""
    last_down: int = 0
    """The latest number while it was down."""
    last_over: int = 0
    """The latest number when it was over; answers up to that one count no more."""
    ended_at: float = -inf


NO_OUTAGE = Outage()


class Evidence:
    """What the rules look at: the targets of a group at one moment. A single target is a group of one."""

    __slots__ = ("_is_failing", "_latest", "answers", "members", "now", "outage", "used")

    def __init__(self, members: Sequence[Member], outage: Outage, now: float) -> None:
        self.members, self.outage, self.now = members, outage, now
        self.used = members if len(members) == 1 else self._used()
        self.answers = [each.record.answers for each in members if each.record]
        self._latest: list[int] | None = None
        self._is_failing: bool | None = None

    def _used(self) -> Sequence[Member]:
        """Those tried in the last five minutes; when none was, those tried at the last, or all that are probed."""
        newest = max([each.record.tried_at for each in self.members if each.record], default=-inf)
        if newest < self.now - HEALTH_WINDOW_S and (newest == -inf or self.is_probed):
            return self.members
        since = min(self.now - HEALTH_WINDOW_S, newest - _IDLE_S)
        return [each for each in self.members if each.record and each.record.tried_at >= since]

    @property
    def latest(self) -> list[int]:
        """The latest answers of all members since the last recovery, merged when first needed."""
        if self._latest is None:
            self._latest = merge_latest(self.answers, self.outage.last_over)
        return self._latest

    @property
    def good(self) -> int:
        """How many of the latest answers were good."""
        return sum([each & 1 for each in self.latest])

    @property
    def trouble(self) -> ProbeFailure | None:
        """The worst probe failure of a member's place."""
        troubles = [each.availability.probe_failure for each in self.members if each.availability.probe_failure]
        return min(troubles, key=lambda each: each.status != "down", default=None)

    @property
    def is_probed(self) -> bool:
        """Whether any of its places is probed."""
        return any(each.good_probes is not None for each in self.members)

    @property
    def all_down(self) -> bool:
        """Whether every target in use is down."""
        return all(each.availability.is_down for each in self.used)

    @property
    def is_failing(self) -> bool:
        """Whether under half of the latest answers were good."""
        if self._is_failing is None:
            self._is_failing = len(self.latest) >= _MIN_ANSWERS and 2 * self.good < len(self.latest)
        return self._is_failing

    @property
    def is_answering(self) -> bool:
        """Whether a success, the beginning of one, or a good probe came after the latest bad answer."""
        bad = latest_bad(self.latest)
        return self._run(bad) > 0 or any(each.latest_content > bad for each in self.answers)

    def _run(self, after: int) -> int:
        """Successes and good probes after that number; a probe of several places is one."""
        probes = {number for each in self.members for number in each.good_probes or () if number > after}
        return len(probes) + sum([each & 1 for each in self.latest if each > 2 * after + 1])

    @property
    def is_recovering(self) -> bool:
        """Whether it was down and has not recovered yet."""
        return (not self.outage.is_over or self.is_failing) and not self.has_recovered

    @property
    def has_recovered(self) -> bool:
        """Whether an outage is over: by successes in a row, or because the probes that showed it were switched off."""
        if self.all_down or (self.outage.is_over and not self.is_failing):
            return False
        forgotten = self.outage.by_probes and not self.is_probed
        return forgotten or self._run(max(latest_bad(self.latest), self.outage.last_down)) >= RECOVERY_SUCCESSES

    @property
    def is_unreliable(self) -> bool:
        """Whether under 95 % of the answers of five minutes were good."""
        if all(each.last_bad_at <= self.now - HEALTH_WINDOW_S for each in self.answers):
            return False
        counts = [each.count(self.outage.ended_at, self.now) for each in self.answers]
        good, bad = sum([each.good for each in counts]), sum([each.bad for each in counts])
        return good + bad >= _MIN_COUNTED and good < _MIN_GOOD * (good + bad)

    @property
    def is_slow(self) -> bool:
        """Whether most first contents come from targets that take three times as long as usual."""
        trends = [each.record.trend for each in self.used if each.record]
        slow = sum([trend.samples for trend in trends if trend.is_slow])
        return slow > 0 and 2 * slow > sum([trend.samples for trend in trends])

    def any_used(self, holds: Callable[[Availability], bool]) -> bool:
        """Whether that holds for a target in use."""
        return any(holds(each.availability) for each in self.used)


def _down_reason(seen: Evidence) -> str:
    """The reason of the worst probe failure, else the ejection."""
    return seen.trouble.reason if seen.trouble else "ejected, and no success since"


def _fixed(reason: str) -> Callable[[Evidence], str]:
    return lambda seen: reason


STATUS_RULES: tuple[tuple[Status, Callable[[Evidence], bool], Callable[[Evidence], str]], ...] = (
    ("down", lambda seen: seen.all_down, _down_reason),
    (
        "down",
        lambda seen: seen.is_failing and not seen.is_answering,
        lambda seen: f"{seen.good} of the last {len(seen.latest)} answers were good",
    ),
    ("degraded", lambda seen: seen.trouble is not None, lambda seen: seen.trouble.reason if seen.trouble else ""),
    ("degraded", lambda seen: seen.is_recovering, _fixed("recovering")),
    ("degraded", lambda seen: seen.any_used(lambda each: each.ejected_for_s > 0), _fixed("some targets are ejected")),
    ("degraded", lambda seen: seen.any_used(lambda each: each.cooling_for_s > 0), _fixed("cooling down")),
    ("degraded", lambda seen: seen.is_unreliable, _fixed("under 95 % of the answers were good")),
    ("degraded", lambda seen: seen.is_slow, _fixed("first content over three times as slow as usual")),
)
"""The first that holds gives status and reason; without any it is healthy."""


def evaluate(seen: Evidence) -> tuple[Status, str | None]:
    """Return the status at this moment, and why it is no better."""
    for status, holds, reason in STATUS_RULES:
        if holds(seen):
            return status, reason(seen)
    return "healthy", None


def disabled_health(reason: str) -> Health:
    """The health of a target that is never tried."""
    return Health("disabled", reason)
