"""`GET /v1/providers/activity`: totals since the start, recent failovers, and the active routing table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from proxy.config.snapshot import Snapshot, Target
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.telemetry.activity import Activity

PATH = "/v1/providers/activity"

Row = dict[str, Any]


def activity(exchange: Exchange) -> Response:
    """Answer with the activity report as JSON."""
    return Response(200, {}, orjson.dumps(report(exchange.snapshot, exchange.runtime.telemetry.activity)))


def report(snapshot: Snapshot, recorded: Activity) -> Row:
    """Return totals since the start, the active configuration and its models, and the latest failovers."""
    loaded = recorded.loaded
    return {
        "since": _to_iso(recorded.started_at),
        "requests": recorded.requests,
        "cost_usd": round(recorded.cost_usd, 6),
        "failover_count": recorded.failover_count,
        "routing": loaded
        and {"generation": loaded.number, "hash": loaded.digest, "loaded_at": _to_iso(loaded.loaded_at)},
        "models": _models({**snapshot.models, **{each.text: each.targets for each in snapshot.patterns}}),
        "failovers": [
            {
                "request_id": each.request_id,
                "model": each.model,
                "at": _to_iso(each.ended_at),
                "outcome": each.outcome,
                "attempts": each.attempts,
            }
            for each in recorded.failovers
        ],
    }


def _models(table: Mapping[str, tuple[Target, ...]]) -> list[Row]:
    """Return one row per model name: its providers, the regions of a provider merged."""
    rows = []
    for model_name, targets in table.items():
        serving: dict[tuple[str, str], list[str]] = {}
        for target in targets:
            serving.setdefault((target.provider.name, target.model), []).append(target.region)
        providers = [{"name": name, "model": model, "regions": regions} for (name, model), regions in serving.items()]
        rows.append({"name": model_name, "providers": providers})
    return rows


def _to_iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
