"""Renders a frame of `parrot top` with rich, as wide as the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from proxy.cli.durations import format_duration

Row = Mapping[str, Any]

MIN_WIDTH_FOR_SPARKLINES = 100
"""Width of the terminal from which on sparklines are shown."""
MAX_FAILOVERS = 6
_MARKS = {
    "healthy": ("●", "green"),
    "degraded": ("▲", "yellow"),
    "down": ("■", "red"),
    "disabled": ("○", "bright_black"),
}
_LEVELS = "▁▂▃▄▅▆▇█"
_SPARKLINE_WIDTH = 16


@dataclass(frozen=True, slots=True)
class SidecarReport:
    """The reports of a sidecar, fetched at one time."""

    url: str
    health: Sequence[Row]
    performance: Sequence[Row]
    activity: Row
    samples: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    """Provider -> time to first content in ms, oldest first."""


def render(report: SidecarReport, width: int) -> RenderableType:
    """Render the whole frame."""
    return Group(
        _head(report), "", _providers(report, width), "", _failovers(report.activity["failovers"][:MAX_FAILOVERS])
    )


def render_unreachable(url: str, why: str) -> RenderableType:
    """Render an error in place of a frame."""
    return Text.assemble(("■ ", "red"), f"{url}: {why}; retrying")


def sparkline(values: Sequence[float | None]) -> str:
    """Draw the latest values as block characters scaled to the highest. None is a gap."""
    latest = list(values)[-_SPARKLINE_WIDTH:]
    highest = max((value for value in latest if value is not None), default=0.0) or 1.0
    last = len(_LEVELS) - 1
    return "".join(" " if value is None else _LEVELS[round(value / highest * last)] for value in latest)


def _head(report: SidecarReport) -> RenderableType:
    activity, routing = report.activity, report.activity["routing"]
    unhealthy = [f"{row['name']} is {row['status']}" for row in report.health if row["status"] in ("degraded", "down")]
    counts = f"{activity['requests']:,} requests, {activity['failover_count']:,} with failover"
    totals = f"{counts}, total cost ${activity['cost_usd']:.4f}"
    loaded = f"config generation {routing['generation']} ({routing['hash']}), loaded at {_time(routing['loaded_at'])}"
    return Group(
        Text.assemble(("Parrot Sidecar", "bold"), f"  {report.url}"),
        Text(loaded, "bright_black"),
        Text.assemble((", ".join(unhealthy) or "All providers are healthy", "bold"), f"; {totals}"),
    )


def _providers(report: SidecarReport, width: int) -> Table:
    table = Table(box=None, pad_edge=False, expand=True, header_style="bright_black")
    table.add_column("provider", no_wrap=True)
    table.add_column("status", ratio=1)
    has_sparklines = width >= MIN_WIDTH_FOR_SPARKLINES
    if has_sparklines:
        table.add_column("", no_wrap=True)
    for title in ("ttft", "latency", "ok", "share", "limit", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    figures = {row["name"]: row for row in report.performance}
    requests = sum(row["requests"] for row in report.performance)
    for row in report.health:
        samples = report.samples.get(row["name"], ()) if has_sparklines else None
        table.add_row(*_cells(row, figures[row["name"]], requests, samples))
    return table


def _cells(row: Row, figures: Row, requests: int, values: Sequence[float | None] | None) -> list[RenderableType]:
    mark, colour = _MARKS[row["status"]]
    why = f" {row['reason']}" if row["reason"] and row["status"] != "healthy" else ""
    share = figures["requests"] / requests * 100 if requests else None
    return [
        Text(row["name"], "bold"),
        Text.assemble((f"{mark} {row['status']}", colour), (why, "bright_black")),
        *([] if values is None else [Text(sparkline(values), colour)]),
        format_duration(figures["ttft_ms"]["p50"]),
        format_duration(figures["latency_ms"]["p50"]),
        _percent(figures["success_rate"]),
        _percent(share),
        _percent(row["rate_limit_usage"]),
        f"${figures['cost_usd']:.4f}",
    ]


def _failovers(rows: Sequence[Row]) -> RenderableType:
    if not rows:
        return Text("No failovers yet.", "bright_black")
    table = Table(box=None, pad_edge=False, expand=True, header_style="bright_black")
    table.add_column("at", no_wrap=True)
    table.add_column("latest failovers")
    for row in rows:
        tried = " → ".join(_attempt(each) for each in row["attempts"])
        table.add_row(_time(row["at"]), Text.assemble((row["model"], "bold"), f"  {tried}"))
    return table


def _attempt(attempt: Row) -> str:
    where = "" if attempt["region"] == "global" else f"@{attempt['region']}"
    outcome = (attempt["outcome"] or "in progress").replace("_", " ")
    return f"{attempt['provider']}{where} {outcome} {format_duration(attempt['ms'])}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} %"


def _time(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S")
