"""How the providers are: their status, and the figures of a window that say why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy.config.snapshot import Snapshot
from proxy.control.asked import Asked, asked
from proxy.exchange import Exchange, Services
from proxy.messages import Response
from proxy.telemetry.health import UNTRIED, WINDOW, Health, disabled, evidence, together
from proxy.telemetry.observations import Observations
from proxy.telemetry.roster import Place
from proxy.telemetry.signals import Board
from proxy.telemetry.window import Bucket, covered

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
    rows = []
    for name in limits.names(snapshot, places):
        own = [place for place in places if place.provider == name]
        whole = _whole([healths[target] for target in {place.target: None for place in own}], snapshot, name)
        figures = (
            whole.recent if limits.window == covered(WINDOW) else total(own, board.observations, limits.window, at.now)
        )
        rows.append(
            {
                "name": name,
                **_status(whole, at),
                "uptime_percentage": percentage(figures.uptime),
                "avg_response_time_ms": milliseconds(figures.latency.mean),
                "error_rate": percentage(figures.error_rate),
                "rate_limit_usage": percentage(_rate_limit(own, board, at.now)),
                "models": _grouped(own, healths, lambda place: place.name),
                "regions": _grouped(own, healths, lambda place: place.region),
            }
        )
    return {"providers": rows}


def of_target(place: Place, snapshot: Snapshot, board: Board, now: float) -> Health:
    """One target's health; one that nobody has tried has nothing against it."""
    if why := snapshot.providers[place.provider].disabled:
        return disabled(why)
    record, standing = board.observations.of(place.target), board.standing(place.target, now)
    if record is None and standing == UNTRIED:
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


def _whole(healths: list[Health], snapshot: Snapshot, provider: str) -> Health:
    """The provider's; one that serves no model yet has nothing against it."""
    why = snapshot.providers[provider].disabled
    return disabled(why) if why else together(healths) if healths else Health("healthy")


def _status(whole: Health, at: Moment) -> Row:
    return {"status": whole.status, "reason": whole.reason, "since": at.written(whole.since)}


def _rate_limit(places: Iterable[Place], board: Board, now: float) -> float | None:
    """The part used of the limit nearest to its end, where a provider has told us."""
    records = (board.observations.of(place.target) for place in places)
    told = (record.remaining for record in records if record and record.remaining)
    return max((remaining.used for remaining in told if now < remaining.until), default=None)


def _grouped(places: list[Place], healths: dict[str, Health], name: Callable[[Place], str]) -> list[Row]:
    groups: dict[str, list[Health]] = {}
    for place in places:
        groups.setdefault(name(place), []).append(healths[place.target])
    return [{"name": group, "status": together(members).status} for group, members in groups.items()]
