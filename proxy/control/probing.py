"""Active health checks: probe the providers that have a `probe` in the configuration.

Each result goes to the breakers, the health status and the metrics. What is sent is built by `upstream/probe.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import groupby

from proxy.attempts.upstream_request import with_key
from proxy.background import run_in_background
from proxy.config.schema import ProbeConfig
from proxy.config.snapshot import Snapshot, Target
from proxy.errors import EgressError, ResourceExhaustedError
from proxy.messages import UpstreamRequest
from proxy.resilience.key_pools import KEY_FAILURES
from proxy.resilience.probes import ProbeHistory, ProbeResult
from proxy.runtime import Runtime
from proxy.upstream.probe import build_probe_request

JITTER = 0.1
"""Each interval is longer or shorter by up to this ratio, so that sidecars do not probe in step."""

_REFUSALS = KEY_FAILURES - {"rate_limit"}
"""Results of a probe that say nothing about the other keys."""

SendProbe = Callable[[UpstreamRequest, str, float], Awaitable[ProbeResult | None]]
"""(request, dialect, timeout in seconds) -> None for a success, else the failure.

Raises ResourceExhaustedError and EgressError for problems of this machine."""


@dataclass(frozen=True, slots=True)
class ProbeEndpoint:
    """One address of a provider, probed once for all regions that share it."""

    provider: str
    dialect: str
    request: UpstreamRequest = field(repr=False)
    regions: tuple[str, ...]
    settings: ProbeConfig
    other_keys: tuple[UpstreamRequest, ...] = field(default=(), repr=False)
    """The same request with each further key of a pool, sent if the key before was refused."""

    @property
    def address(self) -> tuple[str, str]:
        """The identity of the endpoint: provider and URL."""
        return self.provider, self.request.url

    @property
    def locations(self) -> tuple[str, ...]:
        """`provider@region` of each region: the target ids up to the slash."""
        return tuple(f"{self.provider}@{region}" for region in self.regions)


def probe_endpoints(snapshot: Snapshot) -> list[ProbeEndpoint]:
    """Return every address to probe. Disabled providers and those without `probe` are left out."""
    endpoints = []
    for name, targets in snapshot.defaults_by_provider.items():
        provider = snapshot.providers[name]
        if provider.probe is None or provider.disabled_reason:
            continue
        for _, group in groupby(sorted(targets, key=_address), key=_address):
            sharing = list(group)
            regions = tuple(target.region for target in sharing)
            request, *others = _requests(sharing[0])
            endpoints.append(ProbeEndpoint(name, provider.dialect, request, regions, provider.probe, tuple(others)))
    return endpoints


def _requests(target: Target) -> list[UpstreamRequest]:
    """Return the request of a target's probes with each of its provider's keys."""
    keys = target.provider.pool.keys if target.provider.pool else ()
    return [build_probe_request(with_key(target, key)) for key in keys] or [build_probe_request(target)]


def _address(target: Target) -> str:
    return target.base_url


@dataclass(slots=True)
class ProbeScheduler:
    """Runs one task per endpoint, so that probes of an endpoint never overlap and never wait for another endpoint."""

    runtime: Runtime
    send_probe: SendProbe
    _tasks: list[tuple[ProbeEndpoint, asyncio.Task[None]]] = field(default_factory=list)
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    """Every task that has not ended, including those just cancelled."""

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Apply a new snapshot: stop and start tasks as needed. Unchanged endpoints keep their task and history."""
        wanted = {endpoint.address: endpoint for endpoint in probe_endpoints(snapshot)}
        kept = {each.address: (each, task) for each, task in self._tasks if wanted.get(each.address) == each}
        removed = [(each, task) for each, task in self._tasks if each.address not in kept]
        for _, task in removed:
            task.cancel()
        started = [(each, self._start(each)) for address, each in wanted.items() if address not in kept]
        self._tasks = [*kept.values(), *started]
        old = {location for endpoint, _ in removed for location in endpoint.locations}
        unprobed = frozenset(old.difference(*[each.locations for each in wanted.values()]))
        self.runtime.resilience.breakers.forget_probes(unprobed)
        self.runtime.telemetry.observations.probes.forget(unprobed)

    async def stop(self) -> None:
        """Cancel every task and wait until all have ended."""
        self._tasks = []
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _start(self, endpoint: ProbeEndpoint) -> asyncio.Task[None]:
        probing, locations = self.probe_forever(endpoint), endpoint.locations
        task = run_in_background(probing, self.runtime.log, "probe_task_failed", locations=locations)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def probe_forever(self, endpoint: ProbeEndpoint) -> None:
        """Probe an endpoint until cancelled. The first probe comes after a random part of the interval."""
        runtime, settings, history = self.runtime, endpoint.settings, ProbeHistory(endpoint.settings)
        await runtime.sleep(settings.every * runtime.resilience.random.random())
        while True:
            try:
                result = await self._probe(endpoint)
            except (ResourceExhaustedError, EgressError) as error:
                runtime.telemetry.local_trouble.warn(error)
            else:
                self._record(endpoint, history, result)
            await runtime.sleep(settings.every * (1 + JITTER * (2 * runtime.resilience.random.random() - 1)))

    async def _probe(self, endpoint: ProbeEndpoint) -> ProbeResult | None:
        """Send one probe, and if a key of a pool is refused, another with the next key."""
        result = None
        for request in (endpoint.request, *endpoint.other_keys):
            result = await self.send_probe(request, endpoint.dialect, endpoint.settings.timeout)
            if result is None or result.trigger not in _REFUSALS:
                break
        return result

    def _record(self, endpoint: ProbeEndpoint, history: ProbeHistory, result: ProbeResult | None) -> None:
        runtime, now = self.runtime, self.runtime.clock()
        failure = history.record(result, now, lambda: self._has_recent_success(endpoint, now))
        outcome = result.trigger if result else "ok"
        runtime.telemetry.observations.probes.record(endpoint.locations, good=failure is None)
        for location, region in zip(endpoint.locations, endpoint.regions, strict=True):
            before = runtime.resilience.breakers.probe_failures.get(location)
            runtime.resilience.breakers.record_probe(location, failure, now)
            runtime.telemetry.counters.probes[endpoint.provider, region, outcome] += 1
            if (before and before.reason) != (failure and failure.reason):
                runtime.log.info("probe_status_changed", location=location, reason=failure.reason if failure else None)
                runtime.telemetry.feed.wakeup.set()
                runtime.telemetry.observations.urgent_changes.probe_changes += 1
        if outcome == "auth_error":
            runtime.on_auth_failure()

    def _has_recent_success(self, endpoint: ProbeEndpoint, now: float) -> bool:
        """Return whether a request succeeded there since about the last probe, which proves more than a probe does."""
        observations = self.runtime.telemetry.observations
        prefixes = tuple(f"{location}/" for location in endpoint.locations)
        records = [observations.get(target) for target in observations if target.startswith(prefixes)]
        return any(record.window.sum_over(endpoint.settings.every, now).ok for record in records if record)
