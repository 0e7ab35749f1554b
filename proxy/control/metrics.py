"""Reads every counter at one moment, for a scrape of `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from proxy import __version__
from proxy.config.snapshot import Snapshot
from proxy.control.watch import Watch
from proxy.exchange import Services
from proxy.reload import Outcome
from proxy.telemetry.meters import Config, Reading, Series, exposition
from proxy.telemetry.observations import Labels, Totals


@dataclass(frozen=True, slots=True)
class Metrics:
    """Answers scrapes."""

    services: Services
    watch: Watch
    reloaded: Callable[[], Outcome]
    reloads: Mapping[str, int] = field(default_factory=dict)
    """How many changed files were `applied`, and how many `refused`; read at each scrape."""

    async def __call__(self, accept: str) -> tuple[bytes, str]:
        """The text and its content type; written in a thread, so that many targets hold nobody up."""
        last = self.reloaded()
        config = Config(__version__, last.generation, last.digest, last.successful, dict(self.reloads))
        return await asyncio.to_thread(exposition, reading(self.services, self.watch, config), accept)


def reading(services: Services, watch: Watch, config: Config) -> Reading:
    """Everything as it is now."""
    return Reading(
        series=_series(services, watch.snapshot()),
        tally=deepcopy(services.tally),
        statuses=watch.statuses,
        config=config,
        requests=services.load.requests,
        buffered=services.load.buffered,
        followers=len(services.feed),
    )


def _series(services: Services, snapshot: Snapshot) -> Mapping[Labels, Series]:
    observations = services.observations
    members: dict[Labels, list[str]] = {}
    for target in observations:
        if labels := observations.labels(target):
            members.setdefault(labels, []).append(target)
    return {
        labels: _made(services, totals, members.get(labels, []))
        for labels, totals in sorted(observations.totals().items())
        if labels[0] in snapshot.providers
    }


def _made(services: Services, totals: Totals, targets: list[str]) -> Series:
    now = services.clock()
    standings = [services.board.standing(target, now) for target in targets]
    records = [record for target in targets if (record := services.observations.of(target))]
    limits = [record.remaining for record in records if record.remaining]
    told = [each for each in limits if now < each.until]
    return Series(
        totals=totals,
        in_flight=sum(record.in_flight for record in records),
        ejected=sum(standing.ejected_for > 0 for standing in standings),
        cooling=sum(standing.cooling_for > 0 for standing in standings),
        requests_left=min((each.requests for each in told if each.requests is not None), default=None),
        tokens_left=min((each.tokens for each in told if each.tokens is not None), default=None),
        limit_used=max((each.used_at(now) for each in limits), default=None),
    )
