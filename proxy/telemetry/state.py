"""What telemetry knows of this process: of its targets, its requests and its own troubles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from structlog.typing import FilteringBoundLogger

from proxy.config.snapshot import Snapshot
from proxy.resilience.accounts import NO_CHANGES, ChangedAccounts
from proxy.telemetry.activity import Activity
from proxy.telemetry.broadcast import Broadcast
from proxy.telemetry.local_failure_log import LocalFailureLog
from proxy.telemetry.metric_labels import metric_labels
from proxy.telemetry.observations import Observations
from proxy.telemetry.refusals import Refusals
from proxy.telemetry.request_counters import RequestCounters


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Everything that is counted and reported. No decision depends on it but through `routing.signals`."""

    activity: Activity
    local_trouble: LocalFailureLog
    refusals: Refusals
    counters: RequestCounters
    observations: Observations = field(default_factory=Observations)
    feed: Broadcast = field(default_factory=Broadcast)
    """Subscribers to the providers' health."""

    @classmethod
    def create(cls, log: FilteringBoundLogger, clock: Callable[[], float], wall: Callable[[], float]) -> Telemetry:
        """Return the telemetry of a process that starts now. `clock` and `wall` are those of `Runtime`."""
        counters = RequestCounters()
        refusals = Refusals(log, clock, counters.refusals)
        return cls(Activity(wall()), LocalFailureLog(log, clock), refusals, counters)

    def update(self, snapshot: Snapshot, targets: frozenset[str], changed: ChangedAccounts) -> None:
        """Apply a new snapshot that names these targets. Those of replaced accounts start with a clean record."""
        self.observations.labels = partial(metric_labels, snapshot, targets)
        if changed != NO_CHANGES:
            self.observations.forget(changed.has_target)
            self.observations.probes.forget(changed.locations)
            self.observations.urgent_changes.probe_changes += 1  # so that no cached signal outlives them
            self.feed.wakeup.set()
        self.observations.pin(targets)
