"""The health of targets and groups over time: a worse status is reported at once, a better one after 5 s.

A history also keeps the latest outage, as a group that was down stays degraded until enough successes in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from proxy.telemetry.health import HEALTHY, NO_OUTAGE, Evidence, Health, Member, Outage, Status, evaluate
from proxy.telemetry.target_map import TargetMap

RECOVERY_HOLD_S = 5.0
"""How long a better status must hold before it is reported."""

_RANK: dict[Status, int] = {"healthy": 0, "degraded": 1, "down": 2}
_STATUSES: tuple[Status, ...] = ("healthy", "degraded")


@dataclass(slots=True)
class StatusHysteresis:
    """Delays improvements of a status that is observed again and again.

    For each status but `down` it keeps since when the observed one has been at least that good.
    """

    shown: Health = HEALTHY
    _held_since: dict[Status, float] = field(default_factory=lambda: dict.fromkeys(_STATUSES, -inf))
    """Without an entry for a status, the latest observed one was worse."""
    _reasons: dict[Status, str | None] = field(default_factory=dict)
    """The latest reason of each status."""

    def observe(self, status: Status, reason: str | None, now: float) -> Health:
        """Record the status at this moment and return the health to report."""
        self._reasons[status] = reason
        for each in _STATUSES:
            if _RANK[each] < _RANK[status]:
                self._held_since.pop(each, None)
            else:
                self._held_since.setdefault(each, now)
        if _RANK[status] < _RANK[self.shown.status]:
            self._improve(now)
        else:
            self._show(status, now)
        return self.shown

    def _improve(self, now: float) -> None:
        held = (each for each in _STATUSES if now - self._held_since.get(each, inf) >= RECOVERY_HOLD_S)
        if (best := next(held, None)) and _RANK[best] < _RANK[self.shown.status]:
            self._show(best, now)

    def _show(self, status: Status, now: float) -> None:
        since = self.shown.since if status == self.shown.status else now
        self.shown = Health(status, self._reasons.get(status), since)


@dataclass(slots=True)
class StatusHistory:
    """The latest outage and the reported status of one group."""

    outage: Outage = NO_OUTAGE
    hysteresis: StatusHysteresis = field(default_factory=StatusHysteresis)

    def observe(self, members: Sequence[Member], number: int, now: float) -> Health:
        """Evaluate the group at this moment and return the health to report.

        `number` is the sequence number of the latest answer or probe of any target.
        """
        evidence = Evidence(members, self.outage, now)
        if evidence.has_recovered:
            self.outage = Outage(last_over=number, ended_at=now)
            evidence = Evidence(members, self.outage, now)
        status, reason = evaluate(evidence)
        if status == "down" and (self.outage.is_over or self.outage.last_down != number):
            self.outage = replace(
                self.outage, is_over=False, by_probes=_is_known_from_probes(evidence), last_down=number
            )
        return self.hysteresis.observe(status, reason, now)

    @property
    def is_settled(self) -> bool:
        """Whether the group is healthy and has no outage to recover from."""
        return self.outage.is_over and self.hysteresis.shown.status == "healthy"


def _is_known_from_probes(evidence: Evidence) -> bool:
    has_failed = any(each.availability.ejected_for_s > 0 or each.availability.only_failed for each in evidence.active)
    return not has_failed and not evidence.is_failing


@dataclass(slots=True)
class StatusHistories:
    """The histories of many groups by key. A group that was always healthy has none."""

    _histories: TargetMap[StatusHistory] = field(default_factory=lambda: TargetMap(StatusHistory))

    def health(self, key: str, members: Sequence[Member], number: int, now: float) -> Health:
        """Return the health of a group of at least one target. It is evaluated only if it `is_due`."""
        if self.is_due(key, members, now):
            return self._histories.get_or_create(key).observe(members, number, now)
        history = self._histories.get(key)
        return history.hysteresis.shown if history else HEALTHY

    def is_due(self, key: str, members: Sequence[Member], now: float) -> bool:
        """Whether the group must be evaluated: it is not settled, or a rule can hold for a member."""
        history = self._histories.get(key)
        settled = history is None or history.is_settled
        return not settled or not all(each.is_clean(now) for each in members)

    def has(self, key: str) -> bool:
        """Whether the group was ever anything but healthy."""
        return self._histories.get(key) is not None

    def forget(self, is_outdated: Callable[[str], bool]) -> None:
        """Drop the histories of the groups for whose key `is_outdated` holds."""
        self._histories.take(is_outdated)

    def pin(self, keys: frozenset[str]) -> None:
        """Keep the histories of these groups from now on. Call it with the file's groups at each reload."""
        self._histories.pin(keys)
