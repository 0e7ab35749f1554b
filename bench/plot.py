"""Draws a run as SVG: a panel of bars for each metric, with the bound that the sidecar must keep."""

from __future__ import annotations

from html import escape
from math import inf

from bench.goals import GOALS
from bench.report import METRICS, Round, median_or_none, summary, values

PANELS = {
    "requests_per_second": "requests/s of one core (more is better)",
    "cpu_us_per_event": "CPU per streamed event, µs",
    "cpu_us_per_translated_event": "CPU per event translated from Anthropic, µs",
    "added_ms_p50": "added latency, p50, ms",
    "rest_rss_mb": "idle memory, MB",
    "stream_kb": "memory per open stream, kB",
}
_WIDTH, _COLUMNS, _ROW, _LEFT, _BAR, _TOP = 900, 2, 22, 110, 250, 60
_COLUMN = _WIDTH // _COLUMNS
_CLIPPED = 4.0
"""A bar of costs is at most this many times as long as the first proxy's, so that slow programs do not hide the others."""
_OWN_COLOR, _PEER_COLOR, _GOAL_COLOR = "#4c78a8", "#bab0ac", "#e45756"


def draw(rounds: list[Round], proxies: list[str], caption: str) -> str:
    """Return the plot. `caption` names the machine and the time."""
    found = summary(rounds, proxies)
    panels = [_panel(rounds, proxies, metric) for metric in PANELS if metric in found]
    bottoms = [_TOP] * _COLUMNS
    parts = []
    for rows in panels:
        column = bottoms.index(min(bottoms))
        parts += [f'<g transform="translate({column * _COLUMN} {bottoms[column]})">', *rows, "</g>"]
        bottoms[column] += _ROW * (sum('class="row"' in row for row in rows) + 1) + 16
    height = max(bottoms)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
            ' font-family="system-ui, sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            _text(10, 20, caption),
            _text(10, 40, f"red line: what {proxies[0]} must reach     »: the bar is cut off"),
            *parts,
            "</svg>",
            "",
        ]
    )


def _panel(rounds: list[Round], proxies: list[str], metric: str) -> list[str]:
    medians = {proxy: median_or_none(values(rounds, proxy, metric)) for proxy in proxies}
    shown = {proxy: value for proxy, value in medians.items() if value is not None}
    longest = _scale(metric, list(shown.values()))
    bars = [_bar(number, proxy, value, metric, longest) for number, (proxy, value) in enumerate(shown.items())]
    return [_text(10, 16, PANELS[metric], weight="bold"), *bars, *_goal_line(medians, metric, longest, len(bars))]


def _scale(metric: str, shown: list[float]) -> float:
    """Return the value of a full bar: the largest that is not clipped."""
    limit = inf if METRICS[metric].better == "more" else _CLIPPED * shown[0]
    return max(value for value in shown if value <= limit) or 1.0


def _bar(number: int, proxy: str, value: float, metric: str, longest: float) -> str:
    y = _ROW * (number + 1)
    length = max(1.0, min(value / longest, 1.0) * _BAR)
    color = _PEER_COLOR if number else _OWN_COLOR
    clipped = " »" if value > longest else ""
    return (
        f'<g class="row">{_text(10, y + 14, proxy)}'
        f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="17" fill="{color}"/>'
        f"{_text(_LEFT + length + 5, y + 14, format(value, METRICS[metric].format_spec) + clipped)}</g>"
    )


def _goal_line(medians: dict[str, float | None], metric: str, longest: float, bars: int) -> list[str]:
    """Draw the bound for the first proxy. A bound relative to a peer is drawn where the peer was measured."""
    goal = next((goal for goal in GOALS if goal.metric == metric), None)
    if goal is None or goal.peer_metric:
        return []
    unit = 1.0 if goal.peer is None else medians.get(goal.peer)
    if unit is None or not 0 < goal.must * unit <= longest:
        return []
    x = _LEFT + goal.must * unit / longest * _BAR
    bottom = _ROW * (bars + 1)
    return [f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_ROW - 2}" y2="{bottom}" stroke="{_GOAL_COLOR}" stroke-width="2"/>']


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}" fill="#222222">{escape(text)}</text>'
