"""Probes the providers that the file in force wants probed, and tells health, breakers and metrics what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import groupby

from proxy.config.schema import ProbeConfig
from proxy.config.snapshot import Snapshot, Target
from proxy.errors import EgressError, ResourceExhaustedError
from proxy.exchange import Runtime
from proxy.messages import UpstreamRequest
from proxy.resilience.probes import ProbeHistory, ProbeResult
from proxy.upstream.probe import build_probe_request

JITTER = 0.1
"""The part by which a pause is longer or shorter than asked for."""

SendProbe = Callable[[UpstreamRequest, str, float], Awaitable[ProbeResult | None]]
"""Puts a question to a provider of that dialect, within so many seconds; None: it answered.

Raises ResourceExhaustedError and EgressError where the trouble is this machine's own."""


@dataclass(frozen=True, slots=True)
class ProbeEndpoint:
    """One address of a provider."""

    provider: str
    dialect: str
    request: UpstreamRequest = field(repr=False)
    regions: tuple[str, ...]
    """Those that are served from there."""
    settings: ProbeConfig

    @property
    def address(self) -> tuple[str, str]:
        """What no other one has."""
        return self.provider, self.request.url

    @property
    def locations(self) -> tuple[str, ...]:
        """The beginnings of its targets' ids, up to the slash."""
        return tuple(f"{self.provider}@{region}" for region in self.regions)


def probe_endpoints(snapshot: Snapshot) -> list[ProbeEndpoint]:
    """Every address that is to be probed, once for all regions that share it; disabled providers are left alone."""
    found = []
    for name, targets in snapshot.defaults_by_provider.items():
        provider = snapshot.providers[name]
        if provider.probe is None or provider.disabled_reason:
            continue
        for _, group in groupby(sorted(targets, key=_address), key=_address):
            here = list(group)
            regions = tuple(target.region for target in here)
            found.append(ProbeEndpoint(name, provider.dialect, build_probe_request(here[0]), regions, provider.probe))
    return found


def _address(target: Target) -> str:
    return target.base_url


@dataclass(slots=True)
class ProbeScheduler:
    """One task for each endpoint, so that no probe overlaps with itself and none waits for another."""

    runtime: Runtime
    send_probe: SendProbe
    _tasks: list[tuple[ProbeEndpoint, asyncio.Task[None]]] = field(default_factory=list)
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    """Those too that were cancelled a moment ago."""

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """From now on probe what this file says; what it says as the last one did goes on undisturbed."""
        wanted = {endpoint.address: endpoint for endpoint in probe_endpoints(snapshot)}
        kept = {each.address: (each, task) for each, task in self._tasks if wanted.get(each.address) == each}
        gone = [(each, task) for each, task in self._tasks if each.address not in kept]
        for _, task in gone:
            task.cancel()
        started = [(each, self._start(each)) for address, each in wanted.items() if address not in kept]
        self._tasks = [*kept.values(), *started]
        left = {place for endpoint, _ in gone for place in endpoint.locations}
        gone_places = frozenset(left.difference(*[each.locations for each in wanted.values()]))
        self.runtime.breakers.forget_probes(gone_places)
        self.runtime.observations.probes.forget(gone_places)

    async def stop(self) -> None:
        """End them all; when this returns none is running."""
        self._tasks = []
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _start(self, endpoint: ProbeEndpoint) -> asyncio.Task[None]:
        task = asyncio.create_task(self.probe_forever(endpoint))
        self._running.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.runtime.log.error("probe_task_failed", exc_info=error)

    async def probe_forever(self, endpoint: ProbeEndpoint) -> None:
        """Probe it for ever; the first one comes at random within the pause, so that many sidecars do not ask at once."""
        runtime, settings, course = self.runtime, endpoint.settings, ProbeHistory(endpoint.settings)
        await runtime.sleep(settings.every * runtime.random.random())
        while True:
            try:
                finding = await self.send_probe(endpoint.request, endpoint.dialect, settings.timeout)
            except (ResourceExhaustedError, EgressError) as error:
                runtime.local_trouble.warn(error)
            else:
                self._record(endpoint, course, finding)
            await runtime.sleep(settings.every * (1 + JITTER * (2 * runtime.random.random() - 1)))

    def _record(self, endpoint: ProbeEndpoint, course: ProbeHistory, finding: ProbeResult | None) -> None:
        runtime, now = self.runtime, self.runtime.clock()
        trouble = course.record(finding, now, lambda: self._has_recent_success(endpoint, now))
        outcome = finding.trigger if finding else "ok"
        runtime.observations.probes.record(endpoint.locations, good=trouble is None)
        for place, region in zip(endpoint.locations, endpoint.regions, strict=True):
            before = runtime.breakers.probe_failures.get(place)
            runtime.breakers.record_probe(place, trouble, now)
            runtime.counters.probes[endpoint.provider, region, outcome] += 1
            if (before and before.reason) != (trouble and trouble.reason):
                runtime.log.info("probe_status_changed", place=place, reason=trouble.reason if trouble else None)
                runtime.feed.wakeup.set()
                runtime.observations.urgent_changes.probe_changes += 1
        if outcome == "auth_error":
            runtime.on_auth_failure()

    def _has_recent_success(self, endpoint: ProbeEndpoint, now: float) -> bool:
        """Whether requests were answered there since about the last probe: that proves more than a list of models."""
        observations = self.runtime.observations
        beginnings = tuple(f"{place}/" for place in endpoint.locations)
        here = [observations.get(target) for target in observations if target.startswith(beginnings)]
        return any(record.window.sum_over(endpoint.settings.every, now).ok for record in here if record)
