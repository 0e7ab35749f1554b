"""Probes the providers that the file in force wants probed, and tells health, breakers and metrics what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import groupby

from proxy.config.schema import Probe
from proxy.config.snapshot import Snapshot, Target
from proxy.errors import EgressError, ResourceExhaustedError
from proxy.exchange import Services
from proxy.messages import Outgoing
from proxy.resilience.probes import Course, Finding
from proxy.upstream.probe import question

JITTER = 0.1
"""The part by which a pause is longer or shorter than asked for."""

Ask = Callable[[Outgoing, str, float], Awaitable[Finding | None]]
"""Puts a question to a provider of that dialect, within so many seconds; None: it answered.

Raises ResourceExhaustedError and EgressError where the trouble is this machine's own."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a provider."""

    provider: str
    dialect: str
    question: Outgoing = field(repr=False)
    regions: tuple[str, ...]
    """Those that are served from there."""
    settings: Probe

    @property
    def address(self) -> tuple[str, str]:
        """What no other one has."""
        return self.provider, self.question.url

    @property
    def places(self) -> tuple[str, ...]:
        """The beginnings of its targets' ids, up to the slash."""
        return tuple(f"{self.provider}@{region}" for region in self.regions)


def endpoints(snapshot: Snapshot) -> list[Endpoint]:
    """Every address that is to be probed, once for all regions that share it; disabled providers are left alone."""
    found = []
    for name, targets in snapshot.defaults_by_provider.items():
        provider = snapshot.providers[name]
        if provider.probe is None or provider.disabled:
            continue
        for _, group in groupby(sorted(targets, key=_address), key=_address):
            here = list(group)
            regions = tuple(target.region for target in here)
            found.append(Endpoint(name, provider.dialect, question(here[0]), regions, provider.probe))
    return found


def _address(target: Target) -> str:
    return target.base_url


@dataclass(slots=True)
class Probing:
    """One task for each endpoint, so that no probe overlaps with itself and none waits for another."""

    services: Services
    ask: Ask
    _tasks: list[tuple[Endpoint, asyncio.Task[None]]] = field(default_factory=list)
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    """Those too that were cancelled a moment ago."""

    def take(self, snapshot: Snapshot) -> None:
        """From now on probe what this file says; what it says as the last one did goes on undisturbed."""
        wanted = {endpoint.address: endpoint for endpoint in endpoints(snapshot)}
        kept = {each.address: (each, task) for each, task in self._tasks if wanted.get(each.address) == each}
        gone = [(each, task) for each, task in self._tasks if each.address not in kept]
        for _, task in gone:
            task.cancel()
        started = [(each, self._started(each)) for address, each in wanted.items() if address not in kept]
        self._tasks = [*kept.values(), *started]
        left = {place for endpoint, _ in gone for place in endpoint.places}
        gone_places = frozenset(left.difference(*[each.places for each in wanted.values()]))
        self.services.breakers.unprobed(gone_places)
        self.services.observations.probes.forget(gone_places)

    async def stop(self) -> None:
        """End them all; when this returns none is running."""
        self._tasks = []
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _started(self, endpoint: Endpoint) -> asyncio.Task[None]:
        task = asyncio.create_task(self.watch(endpoint))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.services.log.error("probing_crashed", exc_info=error)

    async def watch(self, endpoint: Endpoint) -> None:
        """Probe it for ever; the first one comes at random within the pause, so that many sidecars do not ask at once."""
        services, settings, course = self.services, endpoint.settings, Course(endpoint.settings)
        await services.sleep(settings.every * services.random.random())
        while True:
            try:
                finding = await self.ask(endpoint.question, endpoint.dialect, settings.timeout)
            except (ResourceExhaustedError, EgressError) as error:
                services.local_trouble.warn(error)
            else:
                self._note(endpoint, course, finding)
            await services.sleep(settings.every * (1 + JITTER * (2 * services.random.random() - 1)))

    def _note(self, endpoint: Endpoint, course: Course, finding: Finding | None) -> None:
        services, now = self.services, self.services.clock()
        trouble = course.takes(finding, now, lambda: self._answering(endpoint, now))
        outcome = finding.trigger if finding else "ok"
        services.observations.probes.record(endpoint.places, good=trouble is None)
        for place, region in zip(endpoint.places, endpoint.regions, strict=True):
            before = services.breakers.troubles.get(place)
            services.breakers.probed(place, trouble, now)
            services.tally.probes[endpoint.provider, region, outcome] += 1
            if (before and before.reason) != (trouble and trouble.reason):
                services.log.info("probe_changed", place=place, reason=trouble.reason if trouble else None)
                services.feed.stirred.set()
                services.observations.news.places += 1
        if outcome == "auth_error":
            services.suspect()

    def _answering(self, endpoint: Endpoint, now: float) -> bool:
        """Whether requests were answered there since about the last probe: that proves more than a list of models."""
        observations = self.services.observations
        beginnings = tuple(f"{place}/" for place in endpoint.places)
        here = [observations.of(target) for target in observations if target.startswith(beginnings)]
        return any(record.window.over(endpoint.settings.every, now).ok for record in here if record)
