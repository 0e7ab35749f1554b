"""A group's status over time: a worse one shows at once, a better one only once it has held for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

from proxy.telemetry.health import HEALTHY, NO_OUTAGE, Evidence, Health, Member, Outage, Status, evaluate
from proxy.telemetry.target_map import TargetMap

RECOVERY_HOLD_S = 5.0
"""How long a better status must hold before it is shown."""

_RANK: dict[Status, int] = {"healthy": 0, "degraded": 1, "down": 2}
_STATUSES: tuple[Status, ...] = ("healthy", "degraded")


@dataclass(slots=True)
class StatusHysteresis:
    """The status that is shown, given the status at one moment after another."""

    shown: Health = HEALTHY
    _held_since: dict[Status, float] = field(default_factory=lambda: dict.fromkeys(_STATUSES, -inf))
    """Since when it has been at least that good; without an entry it is not."""
    _reasons: dict[Status, str | None] = field(default_factory=dict)
    """The latest of each status."""

    def observe(self, status: Status, reason: str | None, now: float) -> Health:
        """Record the status at this moment; return the one to show."""
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
    """One group's outages and status."""

    outage: Outage = NO_OUTAGE
    hysteresis: StatusHysteresis = field(default_factory=StatusHysteresis)

    def observe(self, members: Sequence[Member], number: int, now: float) -> Health:
        """Judge the group at this moment, after the answer or probe of that number; return the health to show."""
        seen = Evidence(members, self.outage, now)
        if seen.has_recovered:
            self.outage = Outage(last_over=number, ended_at=now)
            seen = Evidence(members, self.outage, now)
        status, reason = evaluate(seen)
        if status == "down" and (self.outage.is_over or self.outage.last_down != number):
            self.outage = replace(self.outage, is_over=False, by_probes=_is_known_from_probes(seen), last_down=number)
        return self.hysteresis.observe(status, reason, now)

    @property
    def is_settled(self) -> bool:
        """Whether it is healthy, with no outage to come back from."""
        return self.outage.is_over and self.hysteresis.shown.status == "healthy"


def _is_known_from_probes(seen: Evidence) -> bool:
    standings = [each.availability for each in seen.used]
    return not any(each.ejected_for_s > 0 or each.only_failed for each in standings) and not seen.is_failing


@dataclass(slots=True)
class StatusHistories:
    """The histories of many groups, by key; a group that was always healthy has none."""

    _histories: TargetMap[StatusHistory] = field(default_factory=lambda: TargetMap(StatusHistory))

    def health(self, key: str, members: Sequence[Member], number: int, now: float) -> Health:
        """Judge the group of these targets, at least one, at this moment, after the answer or probe of that number."""
        if self.is_due(key, members, now):
            return self._histories.get_or_create(key).observe(members, number, now)
        history = self._histories.get(key)
        return history.hysteresis.shown if history else HEALTHY

    def is_due(self, key: str, members: Sequence[Member], now: float) -> bool:
        """Whether the group must be evaluated: it is not healthy as before with only clean members."""
        history = self._histories.get(key)
        settled = history is None or history.is_settled
        return not settled or not all(each.is_clean(now) for each in members)

    def knows(self, key: str) -> bool:
        """Whether the group has a history: it was not always healthy."""
        return self._histories.get(key) is not None

    def pin(self, keys: frozenset[str]) -> None:
        """Keep these for good; to be called with the groups of the file at each reload."""
        self._histories.pin(keys)
