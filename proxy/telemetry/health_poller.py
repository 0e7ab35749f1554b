"""The health of many targets, looked at often: what keeps a target out shows at once, and little is worked out again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.telemetry.health import HEALTH_WINDOW_S, Member
from proxy.telemetry.signals import SignalCache

MAX_MEASURED_PER_POLL = 16
"""Medians measured in one look; with more busy targets, the others follow in the next."""
MAX_EVALUATED_PER_POLL = 100
"""Targets judged by themselves in one look; with more that are not simply healthy, the others follow in the next."""


@dataclass(slots=True)
class HealthPoller:
    """Looks at the targets of a board."""

    signals: SignalCache
    _turn: int = 0

    def poll(self, targets: Iterable[str], now: float) -> dict[str, Member]:
        """What is known of each now; ejections are counted, and targets judged by themselves, as decisions need it."""
        members = {target: self.signals.member(target, now) for target in targets}
        _measure(members.values(), now)
        for member in members.values():
            if member.record and member.availability.ejected_for_s > 0:
                member.record.record_ejection(
                    now + member.availability.ejected_for_s
                )  # it lasts for several looks: none is missed
        due = [
            target for target, member in members.items() if self.signals.target_histories.is_due(target, (member,), now)
        ]
        for target in self._next(due):
            self.signals.health(target, members[target], now)
        return members

    def _next(self, due: Sequence[str]) -> Iterable[str]:
        """Those whose turn it is."""
        start = self._turn if self._turn < len(due) else 0
        self._turn = start + MAX_EVALUATED_PER_POLL
        return due[start : self._turn]


def _measure(members: Iterable[Member], now: float) -> None:
    """Measure how fast first contents come, of those first that were measured the longest ago."""
    trends = [each.record.trend for each in members if each.record and now - each.record.tried_at < 2 * HEALTH_WINDOW_S]
    for trend in sorted((each for each in trends if each.is_due(now)), key=lambda each: each.measured_at)[
        :MAX_MEASURED_PER_POLL
    ]:
        trend.measure(now)
