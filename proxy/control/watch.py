"""Looks at the providers again and again, and tells the followers when a status has changed."""

from __future__ import annotations

import asyncio
from asyncio import Event
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson

from proxy.config.snapshot import Snapshot
from proxy.control.health import HealthEvaluator, ObservedTargets, ReportTime, Row, report, report_time, statuses
from proxy.control.report_query import ReportQuery
from proxy.exchange import Runtime
from proxy.telemetry.health_poller import HealthPoller
from proxy.telemetry.metric_labels import labelled_targets

MAX_INTERVAL_S = 1.0
"""Seconds between looks where nothing stirs."""
MIN_INTERVAL_S = 0.25
"""Seconds between looks at least."""


async def wait_for_change(stirred: Event) -> None:
    """Until something stirs, but neither shorter than `MIN_INTERVAL_S` nor longer than `MAX_INTERVAL_S`."""
    await asyncio.sleep(MIN_INTERVAL_S)
    try:
        async with asyncio.timeout(MAX_INTERVAL_S - MIN_INTERVAL_S):
            await stirred.wait()
    except TimeoutError:
        pass
    stirred.clear()


@dataclass(slots=True)
class HealthWatcher:
    """Compares each provider's status with what it was at the last look."""

    runtime: Runtime
    snapshot: Callable[[], Snapshot]
    """The one of the moment."""
    _poller: HealthPoller = field(init=False)
    _last: dict[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._poller = HealthPoller(self.runtime.signals)
        self.runtime.feed.initial_message = self.snapshot_message

    @property
    def statuses(self) -> dict[str, str]:
        """Each provider's, as of the last look."""
        return {name: row["status"] for name, row in self._last.items()}

    async def run(self, rest: Callable[[Event], Awaitable[None]] = wait_for_change) -> None:
        """For ever."""
        while True:
            self.poll()
            await rest(self.runtime.feed.wakeup)

    def poll(self) -> None:
        """Tell what has changed since the last look; other providers than then are a new beginning for everyone."""
        at, before, feed = report_time(self.runtime), self._last, self.runtime.feed
        self._last = rows = self._rows(at)
        if before.keys() != rows.keys():
            if len(feed):
                feed.publish(self.snapshot_message())
            return
        for message in changes(before, rows, at):
            said = {name: message[name] for name in ("provider", "status", "previous", "reason")}
            self.runtime.log.warning("provider_status_changed", **said)
            feed.publish(_text(message))

    def snapshot_message(self) -> str:
        """Every provider's row with its figures, its status as of the last look: changes go on from there."""
        at = report_time(self.runtime)
        self._last = self._last or self._rows(at)
        rows = report(self.snapshot(), self.runtime.signals, ReportQuery(), at)["providers"]
        merged = [row | self._last.get(row["name"], {}) for row in rows]
        return _text({"type": "snapshot", "providers": merged, "at": at.to_iso(at.now)})

    def _rows(self, at: ReportTime) -> dict[str, Row]:
        snapshot = self.snapshot()
        known = labelled_targets(snapshot, self.runtime.observations)
        enabled = dict.fromkeys(each.target for each in known if not snapshot.providers[each.provider].disabled_reason)
        members = self._poller.poll(enabled, at.now)
        rows = statuses(
            snapshot, snapshot.providers, HealthEvaluator(self.runtime.signals, ObservedTargets(known, members), at)
        )
        return {row["name"]: row for row in rows}


def changes(before: dict[str, Row], after: dict[str, Row], at: ReportTime) -> list[Row]:
    """A message for each provider whose status is another."""
    return [
        {
            "type": "provider_status_change",
            "provider": name,
            "status": row["status"],
            "previous": before[name]["status"],
            "reason": row["reason"],
            "at": at.to_iso(at.now),
            "models": row["models"],
            "regions": row["regions"],
        }
        for name, row in after.items()
        if row["status"] != before[name]["status"]
    ]


def _text(message: Row) -> str:
    return orjson.dumps(message).decode()
