"""The health of many targets, looked at often: little is worked out anew, and what keeps a target out shows at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from proxy.telemetry.health import UNTRIED, Health, Standing, evidence
from proxy.telemetry.signals import Board
from proxy.telemetry.window import Bucket

AT_ONCE = 16
"""Windows added up in one look; with more busy targets, the others follow in the next."""
OLD = 5.0
"""Seconds after which a window is added up even if nothing happened: what was in it may be too old."""


@dataclass(slots=True)
class _Glance:
    health: Health
    changes: int
    at: float


@dataclass(slots=True)
class Glances:
    """What was seen at the last look."""

    board: Board
    _seen: dict[str, _Glance] = field(default_factory=dict)

    def look(self, targets: Iterable[str], now: float) -> dict[str, Health]:
        """The health of each; of its figures only whether anything was started."""
        seen = {target: self._seen.get(target) for target in targets}
        standings = {target: self.board.standing(target, now) for target in seen}
        self._count_ejections(standings, now)
        due = sorted((target for target in seen if self._due(target, standings[target], now)), key=self._at)
        heavy = 0
        for target in due:
            heavy += not _is_out(standings[target])
            if heavy <= AT_ONCE or _is_out(standings[target]):
                seen[target] = self._glance(target, standings[target], now)
        self._seen = {target: glance for target, glance in seen.items() if glance}
        return {target: glance.health if glance else Health("healthy") for target, glance in seen.items()}

    def _count_ejections(self, standings: Mapping[str, Standing], now: float) -> None:
        """An ejection lasts for several looks, so none is missed."""
        for target, standing in standings.items():
            if standing.ejected_for > 0 and (record := self.board.observations.of(target)):
                record.ejected(now + standing.ejected_for)

    def _at(self, target: str) -> float:
        glance = self._seen.get(target)
        return glance.at if glance else float("-inf")

    def _due(self, target: str, standing: Standing, now: float) -> bool:
        glance, record = self._seen.get(target), self.board.observations.of(target)
        if glance is None:
            return record is not None or standing != UNTRIED
        moved = record is not None and record.changes != glance.changes
        unwell = standing.available_in > 0 or standing.trouble is not None or glance.health.status != "healthy"
        return moved or unwell or now - glance.at >= OLD

    def _glance(self, target: str, standing: Standing, now: float) -> _Glance:
        """What keeps it out decides alone, whatever the window says, and windows take long to add up."""
        record = self.board.observations.of(target)
        known = None if _is_out(standing) else record
        health = self.board.healths.of(target, evidence(known, standing, now), now)
        light = replace(health, recent=Bucket(started=health.recent.started))
        return _Glance(light, record.changes if record else 0, now)


def _is_out(standing: Standing) -> bool:
    """Whether it is ejected, or down by its probes."""
    return standing.ejected_for > 0 or (standing.trouble is not None and standing.trouble.status == "down")
