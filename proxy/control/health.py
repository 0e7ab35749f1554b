"""How the providers are: their status, and the figures of a window that say why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy.config.snapshot import Snapshot
from proxy.control.asked import Asked, asked
from proxy.exchange import Exchange, Services
from proxy.messages import Response
from proxy.telemetry.health import HEALTHY, Health, Member, disabled
from proxy.telemetry.observations import Observations
from proxy.telemetry.roster import Place, group
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
    """Targets, and what is known of each by its id."""

    places: Sequence[Place]
    members: Mapping[str, Member]
    model: str = ""
    """The only model that is looked at; empty: all."""


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
    members = {place.target: _member(place.target, board, at.now) for place in places}
    seen = Seen(places, members, limits.model or "")
    rows = statuses(snapshot, limits.names(snapshot, places), Judge(board, seen, at))
    for row in rows:
        own = [place for place in places if place.provider == row["name"]]
        row |= _figures(total(own, board.observations, limits.window, at.now))
        row["rate_limit_usage"] = percentage(_rate_limit(own, board, at.now))
    return {"providers": rows}


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the health of groups of targets at one moment."""

    board: Board
    seen: Seen
    at: Moment

    def health(self, key: str, places: Iterable[Place]) -> Health:
        """The health of these targets as one; without any nothing is against it."""
        members = [self.seen.members[target] for target in dict.fromkeys(place.target for place in places)]
        return self.board.group_health(key, members, self.at.now) if members else HEALTHY


def statuses(snapshot: Snapshot, names: Iterable[str], judge: Judge) -> list[Row]:
    """Each provider's row without figures."""
    by_provider = _grouped(judge.seen.places, lambda place: place.provider)
    return [_status(name, by_provider.get(name, []), snapshot.providers[name].disabled, judge) for name in names]


def _status(name: str, places: list[Place], why_disabled: str | None, judge: Judge) -> Row:
    only = judge.seen.model

    def health(found: list[Place], region: str = "", model: str = "") -> Health:
        return disabled(why_disabled) if why_disabled else judge.health(group(name, region, model or only), found)

    whole = health(places)
    models = _grouped(places, lambda place: place.name)
    regions = _grouped(places, lambda place: place.region)
    return {
        "name": name,
        "status": whole.status,
        "reason": whole.reason,
        "since": judge.at.written(whole.since),
        "models": [{"name": model, "status": health(found, model=model).status} for model, found in models.items()],
        "regions": [
            {"name": region, "status": health(found, region=region).status} for region, found in regions.items()
        ],
    }


def _member(target: str, board: Board, now: float) -> Member:
    member = board.member(target, now)
    if member.record and member.record.trend.is_due(now):
        member.record.trend.measure(now)
    return member


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


def _figures(bucket: Bucket) -> Row:
    return {
        "uptime_percentage": percentage(bucket.uptime),
        "avg_response_time_ms": milliseconds(bucket.latency.mean),
        "error_rate": percentage(bucket.error_rate),
    }


def _rate_limit(places: Iterable[Place], board: Board, now: float) -> float | None:
    """The part used of the limit nearest to its end; None if the provider never sent one."""
    records = (board.observations.of(place.target) for place in places)
    return max((record.remaining.used_at(now) for record in records if record and record.remaining), default=None)


def _grouped(places: Iterable[Place], name: Callable[[Place], str]) -> dict[str, list[Place]]:
    groups: dict[str, list[Place]] = {}
    for place in places:
        groups.setdefault(name(place), []).append(place)
    return groups
