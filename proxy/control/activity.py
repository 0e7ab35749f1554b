"""What the sidecar did so far: the latest requests that needed more than one attempt, and the table in force."""

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


async def activity(exchange: Exchange) -> Response:
    """The report as JSON."""
    return Response(200, {}, orjson.dumps(report(exchange.snapshot, exchange.runtime.activity)))


def report(snapshot: Snapshot, seen: Activity) -> Row:
    """Totals since the start, the file in force, who serves which name, and the requests that were rescued."""
    loaded = seen.loaded
    return {
        "since": _to_iso(seen.started_at),
        "requests": seen.requests,
        "cost_usd": round(seen.cost_usd, 6),
        "rescued": seen.failover_count,
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
            for each in seen.failovers
        ],
    }


def _models(table: Mapping[str, tuple[Target, ...]]) -> list[Row]:
    """Each name with its providers; a provider's regions are one row, as they serve the same model."""
    rows = []
    for name, targets in table.items():
        serving: dict[tuple[str, str], list[str]] = {}
        for target in targets:
            serving.setdefault((target.provider.name, target.model), []).append(target.region)
        providers = [{"name": who, "model": model, "regions": found} for (who, model), found in serving.items()]
        rows.append({"name": name, "providers": providers})
    return rows


def _to_iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
