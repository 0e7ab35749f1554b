"""`GET /metrics` on the admin listener: a consistent copy of every counter, as Prometheus text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from proxy import __version__
from proxy.config.snapshot import Snapshot
from proxy.control.watch import HealthWatcher
from proxy.reload import ReloadOutcome
from proxy.runtime import Runtime
from proxy.telemetry.prometheus import ConfigMetrics, MetricsSnapshot, TargetSeries, exposition
from proxy.telemetry.target_totals import Labels, TargetTotals


@dataclass(frozen=True, slots=True)
class MetricsEndpoint:
    """Answers scrapes by Prometheus."""

    runtime: Runtime
    health: HealthWatcher
    last_reload: Callable[[], ReloadOutcome]
    reloads: Mapping[str, int] = field(default_factory=dict)
    """Number of reloads by result: `applied` or `rejected`. Read at each scrape."""

    async def __call__(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics as text and their content type.

        Formatting runs in a thread, because thousands of series would block the event loop.
        """
        last = self.last_reload()
        config = ConfigMetrics(__version__, last.generation, last.digest, last.is_successful, dict(self.reloads))
        return await asyncio.to_thread(exposition, take_snapshot(self.runtime, self.health, config), accept)


def take_snapshot(runtime: Runtime, health: HealthWatcher, config: ConfigMetrics) -> MetricsSnapshot:
    """Copy every counter and gauge without awaiting, so that they are consistent with each other."""
    return MetricsSnapshot(
        series=_series(runtime, health.snapshot()),
        counters=deepcopy(runtime.telemetry.counters),
        statuses=health.statuses,
        config=config,
        requests_in_flight=runtime.load.requests,
        buffered_bytes=runtime.load.buffered_bytes,
        stream_clients=len(runtime.telemetry.feed),
    )


def _series(runtime: Runtime, snapshot: Snapshot) -> Mapping[Labels, TargetSeries]:
    observations = runtime.telemetry.observations
    members: dict[Labels, list[str]] = {}
    for target in observations:
        if labels := observations.labels(target):
            members.setdefault(labels, []).append(target)
    return {
        labels: _merge_series(runtime, totals, members.get(labels, []))
        for labels, totals in sorted(observations.totals().items())
        if labels[0] in snapshot.providers
    }


def _merge_series(runtime: Runtime, totals: TargetTotals, targets: list[str]) -> TargetSeries:
    now = runtime.clock()
    availabilities = [runtime.routing.signals.availability(target, now) for target in targets]
    records = [record for target in targets if (record := runtime.telemetry.observations.get(target))]
    limits = [record.rate_limit for record in records if record.rate_limit]
    current = [each for each in limits if now < each.resets_at]
    return TargetSeries(
        totals=totals,
        in_flight=sum(record.in_flight for record in records),
        ejected=sum(each.ejected_for_s > 0 for each in availabilities),
        cooling_down=sum(each.cooling_for_s > 0 for each in availabilities),
        requests_remaining=min((each.requests for each in current if each.requests is not None), default=None),
        tokens_remaining=min((each.tokens for each in current if each.tokens is not None), default=None),
        limit_used_ratio=max((each.used_ratio_at(now) for each in limits), default=None),
    )
