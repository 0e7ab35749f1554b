"""`GET /v1/providers/health`: the status of each provider, and the uptime, latency and errors of a window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy.config.snapshot import Snapshot
from proxy.control.report_query import ReportQuery, parse_report_query
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.runtime import Runtime
from proxy.telemetry.health import HEALTHY, Health, Member, disabled_health
from proxy.telemetry.metric_labels import LabelledTarget, group_key
from proxy.telemetry.observations import Observations
from proxy.telemetry.signals import SignalCache
from proxy.telemetry.window import Bucket

PATH = "/v1/providers/health"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReportTime:
    """The time of a report on the monotonic clock (`now`) and since 1970 (`wall`), in seconds."""

    now: float
    wall: float

    def to_iso(self, then: float | None) -> str | None:
        """Convert a time of the monotonic clock to ISO 8601 in UTC. None stays None."""
        if then is None:
            return None
        at = datetime.fromtimestamp(self.wall - self.now + then, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class ObservedTargets:
    """The targets of a report, and what was observed of each by its id."""

    targets: Sequence[LabelledTarget]
    members: Mapping[str, Member]
    model: str = ""
    """The only model of the report. Empty means all."""


def report_time(runtime: Runtime) -> ReportTime:
    """Read both clocks."""
    return ReportTime(runtime.clock(), runtime.wall())


def health(exchange: Exchange) -> Response:
    """Answer with the health report as JSON."""
    runtime = exchange.runtime
    query = parse_report_query(exchange.request.path, exchange.snapshot)
    found = report(exchange.snapshot, runtime.routing.signals, query, report_time(runtime))
    for row in found["providers"]:
        provider = exchange.snapshot.providers[row["name"]]
        if provider.pool is not None:
            row["keys"] = runtime.resilience.key_pools.status(provider, runtime.clock())
    return Response(200, {}, orjson.dumps(found))


def report(snapshot: Snapshot, signals: SignalCache, query: ReportQuery, at: ReportTime) -> dict[str, list[Row]]:
    """Return a row per provider in the file's order: status, reason, models, regions and figures."""
    targets = query.targets(snapshot, signals.observations)
    members = {each.target: _member(each.target, signals, at.now) for each in targets}
    observed = ObservedTargets(targets, members, query.model or "")
    rows = statuses(snapshot, query.provider_names(snapshot, targets), HealthEvaluator(signals, observed, at))
    for row in rows:
        own = [target for target in targets if target.provider == row["name"]]
        row |= _figures(sum_window(own, signals.observations, query.window_s, at.now))
        row["rate_limit_usage"] = percentage(_rate_limit(own, signals, at.now))
    return {"providers": rows}


@dataclass(frozen=True, slots=True)
class HealthEvaluator:
    """Evaluates the health of groups of targets at one time."""

    signals: SignalCache
    observed: ObservedTargets
    at: ReportTime

    def health(self, key: str, targets: Iterable[LabelledTarget]) -> Health:
        """Return the aggregate health of a group of targets. An empty group is healthy.

        `key` is the group's key in the status history.
        """
        members = [self.observed.members[id] for id in dict.fromkeys(each.target for each in targets)]
        return self.signals.group_health(key, members, self.at.now) if members else HEALTHY


def statuses(snapshot: Snapshot, names: Iterable[str], evaluator: HealthEvaluator) -> list[Row]:
    """Return a row per provider: status, reason, models and regions, without figures."""
    by_provider = _group_by(evaluator.observed.targets, lambda target: target.provider)
    return [
        _status(name, by_provider.get(name, []), snapshot.providers[name].disabled_reason, evaluator) for name in names
    ]


def _status(name: str, targets: list[LabelledTarget], disabled_reason: str | None, evaluator: HealthEvaluator) -> Row:
    only_model = evaluator.observed.model

    def health(group: list[LabelledTarget], region: str = "", model: str = "") -> Health:
        if disabled_reason:
            return disabled_health(disabled_reason)
        return evaluator.health(group_key(name, region, model or only_model), group)

    overall = health(targets)
    models = _group_by(targets, lambda target: target.label)
    regions = _group_by(targets, lambda target: target.region)
    return {
        "name": name,
        "status": overall.status,
        "reason": overall.reason,
        "since": evaluator.at.to_iso(overall.since),
        "models": [{"name": model, "status": health(group, model=model).status} for model, group in models.items()],
        "regions": [
            {"name": region, "status": health(group, region=region).status} for region, group in regions.items()
        ],
    }


def _member(target: str, signals: SignalCache, now: float) -> Member:
    member = signals.member(target, now)
    if member.record and member.record.trend.is_due(now):
        member.record.trend.measure(now)
    return member


def sum_window(targets: Iterable[LabelledTarget], observations: Observations, window_s: int, now: float) -> Bucket:
    """Return the sum of the counts of these targets over a window, each target counted once."""
    sum_ = Bucket()
    for target in {each.target for each in targets}:
        if record := observations.get(target):
            sum_.add(record.window.sum_over(window_s, now))
    return sum_


def percentage(ratio: float | None) -> float | None:
    """Convert a ratio of 0-1 to 0-100, with two decimals."""
    return None if ratio is None else round(ratio * 100, 2)


def milliseconds(seconds: float | None) -> float | None:
    """Convert seconds to milliseconds, with one decimal."""
    return None if seconds is None else round(seconds * 1000, 1)


def _figures(bucket: Bucket) -> Row:
    return {
        "uptime_percentage": percentage(bucket.uptime),
        "avg_response_time_ms": milliseconds(bucket.latency.mean),
        "error_rate": percentage(bucket.error_rate),
    }


def _rate_limit(targets: Iterable[LabelledTarget], signals: SignalCache, now: float) -> float | None:
    """Return the used ratio of the most exhausted rate limit, or None if the provider never sent one."""
    records = (signals.observations.get(each.target) for each in targets)
    return max(
        (record.rate_limit.used_ratio_at(now) for record in records if record and record.rate_limit), default=None
    )


def _group_by(
    targets: Iterable[LabelledTarget], key: Callable[[LabelledTarget], str]
) -> dict[str, list[LabelledTarget]]:
    groups: dict[str, list[LabelledTarget]] = {}
    for target in targets:
        groups.setdefault(key(target), []).append(target)
    return groups
