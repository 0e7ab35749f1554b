"""Watches the providers' health: logs each status change and publishes it to the clients of the health stream.

Health is evaluated at least once a second, and again as soon as a failure wakes the watcher up.
"""

from __future__ import annotations

import asyncio
from asyncio import Event
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson

from proxy.config.snapshot import Snapshot
from proxy.control.health import HealthEvaluator, ObservedTargets, ReportTime, Row, report, report_time, statuses
from proxy.control.report_query import ReportQuery
from proxy.runtime import Runtime
from proxy.telemetry.health_poller import HealthPoller
from proxy.telemetry.metric_labels import labelled_targets

MAX_INTERVAL_S = 1.0
"""Between two evaluations while nothing happens."""
MIN_INTERVAL_S = 0.25
"""Between two evaluations at least, however often it is woken up."""


async def wait_for_change(wakeup: Event) -> None:
    """Wait until `wakeup` is set, for `MIN_INTERVAL_S` at least and `MAX_INTERVAL_S` at most, and clear it."""
    await asyncio.sleep(MIN_INTERVAL_S)
    try:
        async with asyncio.timeout(MAX_INTERVAL_S - MIN_INTERVAL_S):
            await wakeup.wait()
    except TimeoutError:
        pass
    wakeup.clear()


@dataclass(slots=True)
class HealthWatcher:
    """Compares each provider's status with that of the last evaluation."""

    runtime: Runtime
    snapshot: Callable[[], Snapshot]
    """Return the active snapshot."""
    _poller: HealthPoller = field(init=False)
    _last: dict[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._poller = HealthPoller(self.runtime.routing.signals)
        self.runtime.telemetry.feed.initial_message = self.snapshot_message

    @property
    def statuses(self) -> dict[str, str]:
        """Provider -> status, as of the last evaluation."""
        return {name: row["status"] for name, row in self._last.items()}

    async def run(self, wait: Callable[[Event], Awaitable[None]] = wait_for_change) -> None:
        """Evaluate until cancelled."""
        while True:
            self.poll()
            await wait(self.runtime.telemetry.feed.wakeup)

    def poll(self) -> None:
        """Evaluate once and publish the changes, or a snapshot if a reload changed the set of providers."""
        at, before, feed = report_time(self.runtime), self._last, self.runtime.telemetry.feed
        self._last = rows = self._rows(at)
        if before.keys() != rows.keys():
            if len(feed):
                feed.publish(self.snapshot_message())
            return
        for message in status_changes(before, rows, at):
            fields = {name: message[name] for name in ("provider", "status", "previous", "reason")}
            self.runtime.log.warning("provider_status_changed", **fields)
            feed.publish(_to_text(message))

    def snapshot_message(self) -> str:
        """Return the first message of a stream: the health report, with the statuses of the last evaluation.

        The changes published later are relative to those statuses.
        """
        at = report_time(self.runtime)
        self._last = self._last or self._rows(at)
        rows = report(self.snapshot(), self.runtime.routing.signals, ReportQuery(), at)["providers"]
        merged = [row | self._last.get(row["name"], {}) for row in rows]
        return _to_text({"type": "snapshot", "providers": merged, "at": at.to_iso(at.now)})

    def _rows(self, at: ReportTime) -> dict[str, Row]:
        snapshot = self.snapshot()
        targets = labelled_targets(snapshot, self.runtime.telemetry.observations)
        enabled = dict.fromkeys(
            each.target for each in targets if not snapshot.providers[each.provider].disabled_reason
        )
        members = self._poller.poll(enabled, at.now)
        evaluator = HealthEvaluator(self.runtime.routing.signals, ObservedTargets(targets, members), at)
        return {row["name"]: row for row in statuses(snapshot, snapshot.providers, evaluator)}


def status_changes(before: dict[str, Row], after: dict[str, Row], at: ReportTime) -> list[Row]:
    """Return a `provider_status_change` message for each provider whose status differs."""
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


def _to_text(message: Row) -> str:
    return orjson.dumps(message).decode()
