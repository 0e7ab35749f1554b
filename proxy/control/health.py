"""How the providers are: their status, and the figures of a window that say why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy.config.snapshot import Snapshot
from proxy.control.report_query import ReportQuery, parse_report_query
from proxy.exchange import Exchange, Runtime
from proxy.messages import Response
from proxy.telemetry.health import HEALTHY, Health, Member, disabled_health
from proxy.telemetry.metric_labels import LabelledTarget, group_key
from proxy.telemetry.observations import Observations
from proxy.telemetry.signals import SignalCache
from proxy.telemetry.window import Bucket

PATH = "/v1/providers/health"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReportTime:
    """One moment on both clocks, in seconds."""

    now: float
    wall: float

    def to_iso(self, then: float | None) -> str | None:
        """Another moment of the first clock, as UTC of the second."""
        if then is None:
            return None
        at = datetime.fromtimestamp(self.wall - self.now + then, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class ObservedTargets:
    """Targets, and what is known of each by its id."""

    targets: Sequence[LabelledTarget]
    members: Mapping[str, Member]
    model: str = ""
    """The only model that is looked at; empty: all."""


def report_time(runtime: Runtime) -> ReportTime:
    """This one."""
    return ReportTime(runtime.clock(), runtime.wall())


async def health(exchange: Exchange) -> Response:
    """The report as JSON."""
    runtime = exchange.runtime
    limits = parse_report_query(exchange.request.path, exchange.snapshot)
    return Response(200, {}, orjson.dumps(report(exchange.snapshot, runtime.signals, limits, report_time(runtime))))


def report(snapshot: Snapshot, board: SignalCache, limits: ReportQuery, at: ReportTime) -> dict[str, list[Row]]:
    """Each provider's row, in the file's order."""
    places = limits.targets(snapshot, board.observations)
    members = {place.target: _member(place.target, board, at.now) for place in places}
    seen = ObservedTargets(places, members, limits.model or "")
    rows = statuses(snapshot, limits.provider_names(snapshot, places), HealthEvaluator(board, seen, at))
    for row in rows:
        own = [place for place in places if place.provider == row["name"]]
        row |= _figures(sum_window(own, board.observations, limits.window_s, at.now))
        row["rate_limit_usage"] = percentage(_rate_limit(own, board, at.now))
    return {"providers": rows}


@dataclass(frozen=True, slots=True)
class HealthEvaluator:
    """Judges the health of groups of targets at one moment."""

    signals: SignalCache
    observed: ObservedTargets
    at: ReportTime

    def health(self, key: str, places: Iterable[LabelledTarget]) -> Health:
        """The health of these targets as one; without any nothing is against it."""
        members = [self.observed.members[target] for target in dict.fromkeys(place.target for place in places)]
        return self.signals.group_health(key, members, self.at.now) if members else HEALTHY


def statuses(snapshot: Snapshot, names: Iterable[str], judge: HealthEvaluator) -> list[Row]:
    """Each provider's row without figures."""
    by_provider = _grouped(judge.observed.targets, lambda place: place.provider)
    return [_status(name, by_provider.get(name, []), snapshot.providers[name].disabled_reason, judge) for name in names]


def _status(name: str, places: list[LabelledTarget], why_disabled: str | None, judge: HealthEvaluator) -> Row:
    only = judge.observed.model

    def health(found: list[LabelledTarget], region: str = "", model: str = "") -> Health:
        return (
            disabled_health(why_disabled)
            if why_disabled
            else judge.health(group_key(name, region, model or only), found)
        )

    whole = health(places)
    models = _grouped(places, lambda place: place.label)
    regions = _grouped(places, lambda place: place.region)
    return {
        "name": name,
        "status": whole.status,
        "reason": whole.reason,
        "since": judge.at.to_iso(whole.since),
        "models": [{"name": model, "status": health(found, model=model).status} for model, found in models.items()],
        "regions": [
            {"name": region, "status": health(found, region=region).status} for region, found in regions.items()
        ],
    }


def _member(target: str, board: SignalCache, now: float) -> Member:
    member = board.member(target, now)
    if member.record and member.record.trend.is_due(now):
        member.record.trend.measure(now)
    return member


def sum_window(places: Iterable[LabelledTarget], observations: Observations, window: int, now: float) -> Bucket:
    """All that was counted at these targets over a window, each taken once."""
    whole = Bucket()
    for target in {place.target for place in places}:
        if record := observations.get(target):
            whole.add(record.window.sum_over(window, now))
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


def _rate_limit(places: Iterable[LabelledTarget], board: SignalCache, now: float) -> float | None:
    """The part used of the limit nearest to its end; None if the provider never sent one."""
    records = (board.observations.get(place.target) for place in places)
    return max(
        (record.rate_limit.used_ratio_at(now) for record in records if record and record.rate_limit), default=None
    )


def _grouped(
    places: Iterable[LabelledTarget], name: Callable[[LabelledTarget], str]
) -> dict[str, list[LabelledTarget]]:
    groups: dict[str, list[LabelledTarget]] = {}
    for place in places:
        groups.setdefault(name(place), []).append(place)
    return groups
