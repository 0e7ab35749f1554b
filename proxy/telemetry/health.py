"""How well each target is: worse at once, better only after a while, and what that makes of models and providers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from proxy.telemetry.bounded import Bounded
from proxy.telemetry.observations import Record
from proxy.telemetry.window import Bucket

Status = Literal["healthy", "degraded", "down", "disabled"]

WINDOW = 300.0
"""Seconds that uptime and the other rates are taken over."""
HOLDS = 5.0
"""Seconds that a better status must last before it is believed."""
ENOUGH = 20
"""Samples under which rates and medians prove nothing."""

_RANK: dict[Status, int] = {"healthy": 0, "degraded": 1, "down": 2}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the last probe of a place failed with."""

    trigger: str
    """The class of that failure."""
    reason: str
    """Such as `probe: connection refused`."""
    status: Literal["degraded", "down"] = "degraded"
    until: float = float("-inf")
    """Until when its targets are left for last; every further failing probe says anew."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What keeps traffic from a target; a target nobody has tried has nothing against it."""

    ejected_for: float = 0.0
    """Seconds it is still taken out for failing."""
    cooling_for: float = 0.0
    """Seconds it is still to be left alone, as it was told or as we guess."""
    failures: int = 0
    """Hard failures in a row, the latest included."""
    failed_at: float | None = None
    """When the latest of them was."""
    proving: bool = False
    """Back from an ejection, and not yet five successes in a row."""
    trouble: Trouble | None = None
    """What probes have against its place."""
    out_for: float = 0.0
    """Seconds for which it is left for last on that account."""

    @property
    def available_in(self) -> float:
        """Seconds until it may be tried at its normal place."""
        return max(self.ejected_for, self.cooling_for, self.out_for)


UNTRIED = Standing()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a target's status is judged by."""

    standing: Standing
    recent: Bucket
    """The last `WINDOW`."""
    usual_ttft: float | None
    """The hour's median in seconds."""

    @property
    def uptime(self) -> float | None:
        """The part (0-1) that was good, or None where that says nothing yet."""
        return self.recent.uptime if self.recent.verdicts >= ENOUGH else None

    @property
    def slow(self) -> bool:
        """Whether first contents take over three times as long as usual."""
        median = self.recent.ttft.percentile(50) if self.recent.ttft.samples >= ENOUGH else None
        return median is not None and self.usual_ttft is not None and median > 3 * self.usual_ttft


RULES: tuple[tuple[Status, str | None, Callable[[Evidence], bool]], ...] = (
    ("down", None, lambda seen: seen.standing.trouble is not None and seen.standing.trouble.status == "down"),
    ("down", "ejected", lambda seen: seen.standing.ejected_for > 0),
    ("down", "uptime under 80 %", lambda seen: seen.uptime is not None and seen.uptime < 0.80),
    ("degraded", None, lambda seen: seen.standing.trouble is not None),
    ("degraded", "cooling", lambda seen: seen.standing.cooling_for > 0),
    ("degraded", "uptime under 95 %", lambda seen: seen.uptime is not None and seen.uptime < 0.95),
    ("degraded", "back from an ejection", lambda seen: seen.standing.proving),
    ("degraded", "three times as slow as usual", lambda seen: seen.slow),
)
"""The first that holds; None: the reason is the probe's own."""


def judged(seen: Evidence) -> tuple[Status, str | None]:
    """The status at this moment, and why it is no better."""
    trouble = seen.standing.trouble
    for status, reason, holds in RULES:
        if holds(seen):
            return status, trouble.reason if reason is None and trouble else reason
    return "healthy", None


def evidence(record: Record | None, standing: Standing, now: float) -> Evidence:
    """What is known of a target now."""
    if record is None:
        return Evidence(standing, Bucket(), None)
    recent = record.window.over(WINDOW, now)
    return Evidence(standing, recent, record.usual_ttft(now) if recent.ttft.samples >= ENOUGH else None)


@dataclass(slots=True)
class Settled:
    """A status as it is shown."""

    status: Status = "healthy"
    reason: str | None = None
    since: float | None = None
    """When it last changed; None if it never has."""
    _better: Status = "healthy"
    _better_since: float | None = None

    def see(self, status: Status, reason: str | None, now: float) -> None:
        """Take note of the status at this moment."""
        if _RANK[status] >= _RANK[self.status]:
            self._better_since = None
            self._change(status, reason, now)
        elif self._better_since is None:
            self._better, self._better_since = status, now
        else:
            self._better = max(self._better, status, key=_RANK.__getitem__)
            if now - self._better_since >= HOLDS:
                self._improve(status, reason, now)

    def _improve(self, status: Status, reason: str | None, now: float) -> None:
        """To the worst of what was seen meanwhile: being better still has to last as long again."""
        better = self._better
        self._change(better, reason if better == status else self.reason, now)
        self._better, self._better_since = status, None if better == status else now

    def _change(self, status: Status, reason: str | None, now: float) -> None:
        if status != self.status:
            self.since = now
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class Health:
    """One target's health, or what several make together; rates are parts (0-1), None where nothing was tried."""

    status: Status
    reason: str | None = None
    since: float | None = None
    recent: Bucket = field(default_factory=Bucket)
    """Everything counted in the last `WINDOW`: uptime, error_rate, latency.mean …"""


@dataclass(slots=True)
class Healths:
    """Keeps each target's shown status between one look and the next."""

    _settled: Bounded[Settled] = field(default_factory=lambda: Bounded(Settled))

    def of(self, target: str, seen: Evidence, now: float) -> Health:
        """The target's health, given what is known of it now."""
        settled = self._settled.use(target)
        settled.see(*judged(seen), now)
        return Health(settled.status, settled.reason, settled.since, seen.recent)

    def knows(self, target: str) -> bool:
        """Whether anything was ever shown of it that must still be better for a while."""
        return self._settled.get(target) is not None

    def name(self, targets: frozenset[str]) -> None:
        """Keep these for good; to be called with the table's targets at each reload."""
        self._settled.name(targets)


def disabled(reason: str) -> Health:
    """The health of a target that is never tried."""
    return Health("disabled", reason)


def together(healths: Iterable[Health]) -> Health:
    """Several targets as one: down only if all are, healthy only if all are; the disabled ones have no say."""
    every = list(healths)
    judging = [each for each in every if each.status != "disabled"]
    if not judging:
        return every[0] if every else disabled("no target")
    worst = max(judging, key=lambda each: _RANK[each.status])
    best = min(judging, key=lambda each: _RANK[each.status])
    recent = Bucket()
    for each in judging:
        recent.add(each.recent)
    status: Status = worst.status if worst.status == best.status else "degraded"
    since = max((each.since for each in judging if each.since is not None), default=None)
    return Health(status, worst.reason, since, recent)
