"""How the providers are: their status, and the figures of a window that say why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy.config.snapshot import Snapshot
from proxy.control.asked import Asked, asked
from proxy.exchange import Exchange, Services
from proxy.messages import Response
from proxy.telemetry.health import UNTRIED, Health, disabled, evidence, together
from proxy.telemetry.observations import Observations
from proxy.telemetry.roster import Place
from proxy.telemetry.signals import Board
from proxy.telemetry.window import Bucket

PATH = "/v1/providers/health"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on both clocks, in seconds."""

    now: float
    wall: float

    def written(self, then: float | None) -> str | None:
        """Another moment of the first clock, as UTC of the second."""
        if then is None:
            return None
        at = datetime.fromtimestamp(self.wall - self.now + then, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Seen:
    """Targets, and the health of each by its id."""

    places: list[Place]
    healths: Mapping[str, Health]


def moment(services: Services) -> Moment:
    """This one."""
    return Moment(services.clock(), services.wall())


async def health(exchange: Exchange) -> Response:
    """The report as JSON."""
    services = exchange.services
    limits = asked(exchange.request.path, exchange.snapshot)
    return Response(200, {}, orjson.dumps(report(exchange.snapshot, services.board, limits, moment(services))))


def report(snapshot: Snapshot, board: Board, limits: Asked, at: Moment) -> dict[str, list[Row]]:
    """Each provider's row, in the file's order."""
    places = limits.places(snapshot, board.observations)
    healths = {place.target: of_target(place, snapshot, board, at.now) for place in places}
    rows = statuses(snapshot, limits.names(snapshot, places), Seen(places, healths), at)
    for row in rows:
        own = [place for place in places if place.provider == row["name"]]
        row |= _figures(total(own, board.observations, limits.window, at.now))
        row["rate_limit_usage"] = percentage(_rate_limit(own, board, at.now))
    return {"providers": rows}


def statuses(snapshot: Snapshot, names: Iterable[str], seen: Seen, at: Moment) -> list[Row]:
    """Each provider's row without figures."""
    rows = []
    for name in names:
        own = [place for place in seen.places if place.provider == name]
        models = _grouped(own, seen.healths, lambda place: place.name)
        regions = {
            region: _lived(healths)
            for region, healths in _grouped(own, seen.healths, lambda place: place.region).items()
        }
        whole = _whole(list(regions.values()), snapshot.providers[name].disabled)
        row: Row = {"name": name, "status": whole.status, "reason": whole.reason, "since": at.written(whole.since)}
        row["models"] = _listed({model: together(healths) for model, healths in models.items()})
        row["regions"] = _listed(regions)
        rows.append(row)
    return rows


def of_target(place: Place, snapshot: Snapshot, board: Board, now: float) -> Health:
    """One target's health; one that nobody has tried has nothing against it."""
    if why := snapshot.providers[place.provider].disabled:
        return disabled(why)
    record, standing = board.observations.of(place.target), board.standing(place.target, now)
    if record is None and standing == UNTRIED and not board.healths.knows(place.target):
        return Health("healthy")
    return board.healths.of(place.target, evidence(record, standing, now), now)


def total(places: Iterable[Place], observations: Observations, window: int, now: float) -> Bucket:
    """All that was counted at these targets over a window, each taken once."""
    whole = Bucket()
    for target in {place.target for place in places}:
        if record := observations.of(target):
            whole.add(record.window.over(window, now))
    return whole


def percentage(part: float | None) -> float | None:
    """0-100 for a part of 0-1."""
    return None if part is None else round(part * 100, 2)


def milliseconds(seconds: float | None) -> float | None:
    """With a tenth's precision."""
    return None if seconds is None else round(seconds * 1000, 1)


def _whole(regions: list[Health], why_disabled: str | None) -> Health:
    """The provider's; one that serves no model yet has nothing against it."""
    if why_disabled:
        return disabled(why_disabled)
    return together(regions) if regions else Health("healthy")


def _lived(healths: list[Health]) -> Health:
    """A region as its targets show it that had traffic; models that nobody asks for prove nothing."""
    lived = [health for health in healths if health.status != "healthy" or health.recent.started]
    return together(lived or healths)


def _figures(bucket: Bucket) -> Row:
    return {
        "uptime_percentage": percentage(bucket.uptime),
        "avg_response_time_ms": milliseconds(bucket.latency.mean),
        "error_rate": percentage(bucket.error_rate),
    }


def _rate_limit(places: Iterable[Place], board: Board, now: float) -> float | None:
    """The part used of the limit nearest to its end, where a provider has told us."""
    records = (board.observations.of(place.target) for place in places)
    told = (record.remaining for record in records if record and record.remaining)
    return max((remaining.used for remaining in told if now < remaining.until), default=None)


def _grouped(
    places: list[Place], healths: Mapping[str, Health], name: Callable[[Place], str]
) -> dict[str, list[Health]]:
    """The healths of the targets under each name, each target taken once."""
    groups: dict[str, dict[str, Health]] = {}
    for place in places:
        groups.setdefault(name(place), {})[place.target] = healths[place.target]
    return {group: list(members.values()) for group, members in groups.items()}


def _listed(healths: Mapping[str, Health]) -> list[Row]:
    return [{"name": name, "status": health.status} for name, health in healths.items()]
