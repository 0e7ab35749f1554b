"""The table and the plot of the outage drill in docs/reference/faults.md, from its results in docs/plots/outage.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
PAGE, RESULTS = DOCS / "reference" / "faults.md", DOCS / "plots" / "outage.json"
PLOT = RESULTS.with_suffix(".svg")
START, END = "<!-- outages: written by `make outage` -->\n", "<!-- end -->\n"
HEAD = ("outage", "requests/s", "attempts per request", "at its onset", "added p50", "added p99", "lost answers")

Rows = Sequence[Mapping[str, Any]]


def line(row: Mapping[str, Any]) -> str:
    """Return the results of one outage at one rate as a line of the table."""
    cells = (
        row["outage"],
        str(row["per_second"]),
        _number(row["attempts"]),
        _number(row["onset_attempts"]),
        _duration(row["added_ms_p50"]),
        _duration(row["added_ms_p99"]),
        f"{row['lost']:,} of {row['requests']:,}",
    )
    return f"| {' | '.join(cells)} |"


def table(rows: Rows) -> str:
    """Return the table as Markdown."""
    return "".join(f"{each}\n" for each in (f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *map(line, rows)))


def _number(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.2f}"


def _duration(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"


def with_table(page: str, rows: Rows) -> str:
    """Return the page with this table between its markers."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n{table(rows)}\n{END}{rest.partition(END)[2]}"


def merged(earlier: Rows, later: Rows) -> list[Mapping[str, Any]]:
    """Return the earlier results with those that were measured again, in the same order, and new ones at the end."""
    found = {(row["outage"], row["per_second"]): row for row in (*earlier, *later)}
    return list(found.values())


def write(later: Rows) -> None:
    """Write results, table and plot. Results of outages and rates that were not measured again stay."""
    rows = merged(json.loads(RESULTS.read_text()), later)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    PAGE.write_text(with_table(PAGE.read_text(), rows))
    PLOT.write_text(draw(rows))


_ROW, _LEFT, _BAR, _COLUMN, _TOP = 20, 170, 190, 430, 30
_COLORS = ("#9ecae9", "#4c78a8", "#1f3b5c")
_LIMIT, _LIMIT_COLOR = 1.2, "#e45756"


def draw(rows: Rows) -> str:
    """Return the plot: attempts per request, and the 99th percentile of the added latency."""
    longest_s = max(row["added_ms_p99"] for row in rows) / 1000 or 1.0
    panels = (
        ("attempts per request (red line: limit)", [(row["attempts"] or 0.0) / 1.5 for row in rows],
         [_number(row["attempts"]) for row in rows], _LIMIT / 1.5),
        ("added latency, p99", [row["added_ms_p99"] / 1000 / longest_s for row in rows],
         [_duration(row["added_ms_p99"]) for row in rows], None),
    )  # fmt: skip
    height = _TOP + _ROW * (len(rows) + 1) + 10
    body = [
        f'<g transform="translate({_COLUMN * at} 0)">{"".join(_panel(rows, *panel))}</g>'
        for at, panel in enumerate(panels)
    ]
    size = f'width="{2 * _COLUMN}" height="{height}" viewBox="0 0 {2 * _COLUMN} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="system-ui, sans-serif" font-size="12">'
    return "\n".join((head, f'<rect width="{2 * _COLUMN}" height="{height}" fill="#ffffff"/>', *body, "</svg>", ""))


def _panel(
    rows: Rows, title: str, lengths: Sequence[float], labels: Sequence[str], limit: float | None
) -> Iterable[str]:
    yield _text(10, 20, title, "bold")
    rates = sorted({row["per_second"] for row in rows})
    for number, (row, length, label) in enumerate(zip(rows, lengths, labels, strict=True)):
        y, width = _TOP + _ROW * number, max(1.0, min(length, 1.0) * _BAR)
        color = _COLORS[rates.index(row["per_second"]) % len(_COLORS)]
        yield _text(10, y + 13, f"{row['outage']}, {row['per_second']}/s")
        yield f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="15" fill="{color}"/>'
        yield _text(_LEFT + max(width, (limit or 0.0) * _BAR) + 5, y + 13, label)
    if limit is not None:
        x, bottom = _LEFT + limit * _BAR, _TOP + _ROW * len(rows)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="{_LIMIT_COLOR}" stroke-width="2"/>'


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}" fill="#222222">{escape(text)}</text>'
