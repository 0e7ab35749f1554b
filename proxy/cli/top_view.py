"""What `parrot top` draws: one look at a sidecar, as wide as the terminal is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]

MIN_WIDTH_FOR_SPARKLINES = 100
"""Columns from which on there is room for curves."""
MAX_FAILOVERS = 6
_MARKS = {
    "healthy": ("●", "green"),
    "degraded": ("▲", "yellow"),
    "down": ("■", "red"),
    "disabled": ("○", "bright_black"),
}
_LEVELS = "▁▂▃▄▅▆▇█"
_CURVE = 16


@dataclass(frozen=True, slots=True)
class SidecarReport:
    """What the sidecar said at one moment."""

    url: str
    health: Sequence[Row]
    performance: Sequence[Row]
    activity: Row
    curves: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    """Each provider's time to the first content in ms, oldest first."""


def render(look: SidecarReport, width: int) -> RenderableType:
    """The whole frame."""
    return Group(_head(look), "", _providers(look, width), "", _tries(look.activity["failovers"][:MAX_FAILOVERS]))


def render_unreachable(url: str, why: str) -> RenderableType:
    """In the place of a frame while nobody answers."""
    return Text.assemble(("■ ", "red"), f"{url}: {why}; trying again")


def sparkline(values: Sequence[float | None]) -> str:
    """The latest values as blocks, the highest full; nothing measured is a gap."""
    latest = list(values)[-_CURVE:]
    highest = max((value for value in latest if value is not None), default=0.0) or 1.0
    last = len(_LEVELS) - 1
    return "".join(" " if value is None else _LEVELS[round(value / highest * last)] for value in latest)


def format_duration(milliseconds: float | None) -> str:
    """As a person reads it."""
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.3g} ms" if milliseconds < 999.5 else f"{milliseconds / 1000:.2f} s"


def _head(look: SidecarReport) -> RenderableType:
    seen, routing = look.activity, look.activity["routing"]
    unwell = [f"{row['name']} is {row['status']}" for row in look.health if row["status"] in ("degraded", "down")]
    totals = f"{seen['requests']:,} requests, {seen['rescued']:,} needed a second try, ${seen['cost_usd']:.4f} so far"
    loaded = f"routing {routing['generation']}, {routing['hash']}, loaded at {_time(routing['loaded_at'])}"
    return Group(
        Text.assemble(("Parrot Sidecar", "bold"), f"  {look.url}"),
        Text(loaded, "bright_black"),
        Text.assemble((", ".join(unwell) or "All is well", "bold"), f"; {totals}"),
    )


def _providers(look: SidecarReport, width: int) -> Table:
    table = Table(box=None, pad_edge=False, expand=True, header_style="bright_black")
    table.add_column("provider", no_wrap=True)
    table.add_column("status", ratio=1)
    wide = width >= MIN_WIDTH_FOR_SPARKLINES
    if wide:
        table.add_column("", no_wrap=True)
    for title in ("first", "answer", "ok", "share", "limit", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    figures = {row["name"]: row for row in look.performance}
    requests = sum(row["requests"] for row in look.performance)
    for row in look.health:
        table.add_row(*_cells(row, figures[row["name"]], requests, look.curves.get(row["name"], ()) if wide else None))
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


def _tries(rows: Sequence[Row]) -> RenderableType:
    if not rows:
        return Text("Every request was served at its first try.", "bright_black")
    table = Table(box=None, pad_edge=False, expand=True, header_style="bright_black")
    table.add_column("at", no_wrap=True)
    table.add_column("second tries")
    for row in rows:
        tried = " → ".join(_attempt(each) for each in row["attempts"])
        table.add_row(_time(row["at"]), Text.assemble((row["model"], "bold"), f"  {tried}"))
    return table


def _attempt(attempt: Row) -> str:
    where = "" if attempt["region"] == "global" else f"@{attempt['region']}"
    outcome = (attempt["outcome"] or "not over").replace("_", " ")
    return f"{attempt['provider']}{where} {outcome} {format_duration(attempt['ms'])}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} %"


def _time(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S")
