"""`GET /v1/providers/performance`: latency, throughput, load, tokens and cost of each provider over a window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from proxy.config.snapshot import Snapshot
from proxy.control.health import milliseconds, percentage, sum_window
from proxy.control.report_query import ReportQuery, format_window, parse_report_query
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.runtime import Runtime
from proxy.telemetry.histogram import Histogram
from proxy.telemetry.metric_labels import LabelledTarget
from proxy.telemetry.observations import Observations
from proxy.telemetry.window import Bucket

PATH = "/v1/providers/performance"

Row = dict[str, Any]

_PERCENTS = (50, 90, 99)


def performance(exchange: Exchange) -> Response:
    """Answer with the performance report as JSON."""
    runtime = exchange.runtime
    query = parse_report_query(exchange.request.path, exchange.snapshot)
    return Response(200, {}, orjson.dumps(report(exchange.snapshot, runtime, query, runtime.clock())))


def report(snapshot: Snapshot, runtime: Runtime, query: ReportQuery, now: float) -> dict[str, Any]:
    """Return the window and a row per provider in the file's order.

    `load_percentage` is the used part of the provider's limits, or of `max_inflight` where it has none.
    """
    observations = runtime.telemetry.observations
    targets = query.targets(snapshot, observations)
    rows = []
    for name in query.provider_names(snapshot, targets):
        own = [target for target in targets if target.provider == name]
        load = runtime.resilience.rate_limits.used_ratio(snapshot.providers[name], now)
        if load is None:
            load = _in_flight(own, observations) / snapshot.max_inflight
        figures = _figures(sum_window(own, observations, query.window_s, now))
        rows.append({"name": name, "load_percentage": percentage(load), **figures})
    return {"window": format_window(query.window_s), "providers": rows}


def _figures(bucket: Bucket) -> Row:
    errors = bucket.error_rate
    return {
        "avg_latency_ms": milliseconds(bucket.latency.mean),
        "success_rate": None if errors is None else percentage(1 - errors),
        "ttft_ms": _percentiles(bucket.ttft, 1000),
        "latency_ms": _percentiles(bucket.latency, 1000),
        "tokens_per_second": _percentiles(bucket.throughput, 1),
        "requests": bucket.started,
        "tokens": bucket.tokens_in + bucket.tokens_out,
        "cost_usd": round(bucket.cost_usd, 6),
    }


def _percentiles(histogram: Histogram, scale: float) -> Row:
    found = zip(_PERCENTS, histogram.percentiles(*_PERCENTS), strict=True)
    return {f"p{percent}": None if value is None else round(value * scale, 1) for percent, value in found}


def _in_flight(targets: Iterable[LabelledTarget], observations: Observations) -> int:
    return sum(observations.in_flight(target) for target in {each.target for each in targets})
