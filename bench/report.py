"""Summary of the measured rounds: medians, medians of the ratios within each round, and text tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from bench.goals import GOALS, Goal

Round = dict[str, dict[str, float]]
"""Proxy -> metric -> value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Title and number format of a metric, and which direction is better (empty: not comparable)."""

    title: str
    format_spec: str
    better: str = "less"


METRICS = {
    "requests_per_second": Metric("requests/s", ",.0f", "more"),
    "cpu_us_per_request": Metric("us/request", ",.1f"),
    "core_percent": Metric("core %", ".0f", ""),
    "cpu_us_per_event": Metric("us/event", ".1f"),
    "events_on_time_percent": Metric("on time %", ".0f", ""),
    "cpu_us_per_translated_event": Metric("us/translated", ".1f"),
    "translated_on_time_percent": Metric("on time %", ".0f", ""),
    "added_ms_p50": Metric("added p50 ms", ".3f"),
    "added_ms_p99": Metric("p99 ms", ".3f"),
    "rest_rss_mb": Metric("RSS MB", ".1f"),
    "rest_pss_mb": Metric("PSS MB", ".1f"),
    "stream_kb": Metric("kB/stream", ".1f"),
    "tools_cost": Metric("tools", ".2f", ""),
    "image_cost": Metric("image", ".2f", ""),
    "alias_cost": Metric("other model name", ".2f", ""),
    "control_headers_cost": Metric("control headers", ".2f", ""),
}
_VARIANTS = [name for name in METRICS if name.endswith("_cost")]


def values(rounds: list[Round], proxy: str, metric: str) -> list[float]:
    """Return the values of all rounds that have one."""
    return [values_by_proxy[proxy][metric] for values_by_proxy in rounds if metric in values_by_proxy.get(proxy, {})]


def ratios(rounds: list[Round], proxy: str, peer: str, metric: str, peer_metric: str = "") -> list[float]:
    """Return the ratio of proxy to peer for each round that has both, if the peer's value is positive.

    The peer's value is that of `peer_metric`, by default of the same metric.
    """
    pairs = [
        (values_by_proxy.get(proxy, {}).get(metric), values_by_proxy.get(peer, {}).get(peer_metric or metric))
        for values_by_proxy in rounds
    ]
    return [own / other for own, other in pairs if own is not None and other]


def median_or_none(numbers: list[float]) -> float | None:
    """Return the median, or None for an empty list."""
    return median(numbers) if numbers else None


def summary(rounds: list[Round], proxies: list[str]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return metric -> {"medians": proxy -> value, "ratios": "own/peer" -> value}.

    The first proxy is compared with each of the others.
    """
    own, peers = proxies[0], proxies[1:]
    return {
        metric: {
            "medians": {proxy: median_or_none(values(rounds, proxy, metric)) for proxy in proxies},
            "ratios": {f"{own}/{peer}": _ratio(rounds, own, peer, metric) for peer in peers},
        }
        for metric in METRICS
        if any(values(rounds, proxy, metric) for proxy in proxies)
    }


def _ratio(rounds: list[Round], own: str, peer: str, metric: str) -> float | None:
    return median_or_none(ratios(rounds, own, peer, metric)) if METRICS[metric].better else None


def values_table(rounds: list[Round], proxies: list[str]) -> str:
    """Return the medians as text, one line per proxy."""
    found = [metric for metric in summary(rounds, proxies) if metric not in _VARIANTS]
    rows = [
        [
            proxy,
            *(_format(median_or_none(values(rounds, proxy, metric)), METRICS[metric].format_spec) for metric in found),
        ]
        for proxy in proxies
    ]
    return align_columns([["", *(METRICS[metric].title for metric in found)], *rows])


def ratios_table(rounds: list[Round], proxies: list[str]) -> str:
    """Return the ratios of the first proxy to each of the others as text, one line per peer."""
    found = [metric for metric in summary(rounds, proxies) if METRICS[metric].better]
    rows = [
        [f"{proxies[0]}/{peer}", *(_format(_ratio(rounds, proxies[0], peer, metric), ".2f") for metric in found)]
        for peer in proxies[1:]
    ]
    return align_columns([["", *(METRICS[metric].title for metric in found)], *rows])


@dataclass(frozen=True, slots=True)
class Result:
    """The value for a goal, and what was reached: `aim`, `must`, `missed`, or `-` without a value."""

    goal: Goal
    value: float | None

    @property
    def reached(self) -> str:
        """Return the better of the two bounds that the value meets."""
        if self.value is None:
            return "-"
        if self.goal.aim is not None and self.goal.meets(self.value, self.goal.aim):
            return "aim"
        return "must" if self.goal.meets(self.value, self.goal.must) else "missed"


def results(rounds: list[Round], own: str) -> list[Result]:
    """Return the value of each goal: a median, or the median of the ratios within each round."""
    return [Result(goal, _goal_value(rounds, own, goal)) for goal in GOALS]


def _goal_value(rounds: list[Round], own: str, goal: Goal) -> float | None:
    if goal.peer is None:
        return median_or_none(values(rounds, own, goal.metric))
    return median_or_none(ratios(rounds, own, goal.peer, goal.metric, goal.peer_metric))


def goals_table(rounds: list[Round], own: str) -> str:
    """Return the goals as text, one line each."""
    rows = [
        [
            result.goal.title,
            _format(result.value, ".2f"),
            result.goal.bound(result.goal.must),
            result.goal.bound(result.goal.aim),
            result.reached,
        ]
        for result in results(rounds, own)
    ]
    return align_columns([["goal", own, "must", "aim", "reached"], *rows])


def _format(value: float | None, format_spec: str) -> str:
    return "-" if value is None else format(value, format_spec)


def align_columns(rows: list[list[str]]) -> str:
    """Align columns two spaces apart: the first left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def cells(row: list[str]) -> Iterable[str]:
        for index, (text, width) in enumerate(zip(row, widths, strict=True)):
            place: Callable[[int], str] = text.rjust if index else text.ljust
            yield place(width)

    return "\n".join("  ".join(cells(row)).rstrip() for row in rows)
