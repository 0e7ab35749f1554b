"""Polls the health of all targets, for the health API and the health stream.

A poll reads what keeps traffic from each target, counts ejections, and does a bounded part of the costly work: it
measures the medians that are most out of date, and evaluates the next batch of targets that are not simply healthy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.telemetry.health import HEALTH_WINDOW_S, Member
from proxy.telemetry.signals import SignalCache

MAX_MEASURED_PER_POLL = 16
MAX_EVALUATED_PER_POLL = 100


@dataclass(slots=True)
class HealthPoller:
    """Reads the targets of a signal cache, and keeps up what their health depends on."""

    signals: SignalCache
    _offset: int = 0
    """Where the next batch begins."""

    def poll(self, targets: Iterable[str], now: float) -> dict[str, Member]:
        """Return what is known of each target at this moment."""
        members = {target: self.signals.member(target, now) for target in targets}
        _measure_trends(members.values(), now)
        for member in members.values():
            if member.record and member.availability.ejected_for_s > 0:
                # An ejection lasts for several polls, so none is missed.
                member.record.record_ejection(now + member.availability.ejected_for_s)
        histories = self.signals.target_histories
        due = [target for target, member in members.items() if histories.is_due(target, (member,), now)]
        for target in self._next_batch(due):
            self.signals.health(target, members[target], now)
        return members

    def _next_batch(self, due: Sequence[str]) -> Iterable[str]:
        start = self._offset if self._offset < len(due) else 0
        self._offset = start + MAX_EVALUATED_PER_POLL
        return due[start : self._offset]


def _measure_trends(members: Iterable[Member], now: float) -> None:
    """Measure the time to first content of targets in use, starting with the oldest measurements."""
    in_use = (each.record for each in members if each.record and now - each.record.tried_at < 2 * HEALTH_WINDOW_S)
    due = [record.trend for record in in_use if record.trend.is_due(now)]
    for trend in sorted(due, key=lambda each: each.measured_at)[:MAX_MEASURED_PER_POLL]:
        trend.measure(now)
