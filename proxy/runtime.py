"""Process-wide state: what outlives requests and reloads. A request reaches it through `Exchange.runtime`."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from proxy.config.snapshot import Snapshot
from proxy.deadline_timer import DeadlineTimer
from proxy.file_fetches import FetchFile, fetch_no_file
from proxy.memory_account import Load
from proxy.messages import Transport
from proxy.resilience.state import Resilience
from proxy.routing.state import Routing
from proxy.state.responses import KeptResponses
from proxy.telemetry.metric_labels import configured_targets
from proxy.telemetry.signals import SignalCache
from proxy.telemetry.state import Telemetry


@dataclass(frozen=True, slots=True)
class Runtime:
    """The state of this process, by who uses it. `create` makes one."""

    transport: Transport
    log: FilteringBoundLogger
    clock: Callable[[], float]
    """Seconds, never backwards."""
    wall: Callable[[], float]
    """Seconds since 1970."""
    timer: DeadlineTimer
    load: Load
    responses: KeptResponses
    resilience: Resilience
    telemetry: Telemetry
    routing: Routing
    fetch_file: FetchFile = fetch_no_file
    """Fetches an image or a file from the web."""
    sleep: Callable[[float], Awaitable[None]] = sleep
    """Waits between probes."""
    on_auth_failure: Callable[[], None] = lambda: None
    """Called when a provider refused our key, which may have been changed in its file."""

    @classmethod
    def create(
        cls, transport: Transport, log: FilteringBoundLogger, clock: Callable[[], float], wall: Callable[[], float]
    ) -> Runtime:
        """Return the state of a process that starts now."""
        load, resilience, telemetry = Load(), Resilience(), Telemetry.create(log, clock, wall)
        signals = SignalCache(
            telemetry.observations,
            resilience.breakers.availability,
            probe_failures=resilience.breakers.probe_failures,
            key_pools=resilience.key_pools.pools,
        )
        parts = load, KeptResponses(load), resilience, telemetry, Routing(signals)
        return cls(transport, log, clock, wall, DeadlineTimer(), *parts)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Apply a new snapshot: keep what is known of the targets it names, and drop it of accounts it has replaced."""
        targets = configured_targets(snapshot)
        changed = self.resilience.update(snapshot, targets)
        self.telemetry.update(snapshot, targets, changed)
        self.routing.update(snapshot, targets, changed)
