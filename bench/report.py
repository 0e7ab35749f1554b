"""Summary of the measured rounds: medians, medians of the ratios within each round, and a text table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

Round = dict[str, dict[str, float]]
"""Proxy -> metric -> value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """Title and number format of a metric, which direction is better (empty: not comparable), and the goal."""

    title: str
    format_spec: str
    better: str
    goal: str = ""


METRICS = {
    "requests_per_second": Metric("unary, requests/s", ",.0f", "more", ">= 0.5 x envoy"),
    "cpu_us_per_request": Metric("unary, CPU us/request", ".1f", "less"),
    "core_percent": Metric("unary, % of the core used", ".0f", ""),
    "cpu_us_per_event": Metric("stream, CPU us/event", ".1f", "less", "<= 1.0 x envoy"),
    "events_on_time_percent": Metric("stream, events on time, %", ".1f", "", ">= 99"),
    "added_ms_p50": Metric("added latency p50, ms", ".3f", "less", "<= 0.4 ms"),
    "added_ms_p99": Metric("added latency p99, ms", ".3f", "less", "<= 1 ms"),
    "rest_rss_mb": Metric("idle memory, RSS MB", ".1f", "less", "<= 60 MB"),
    "rest_pss_mb": Metric("idle memory, PSS MB", ".1f", "less"),
    "stream_kb": Metric("memory per stream, kB", ".1f", "less", "<= 40 kB"),
}


def values(rounds: list[Round], proxy: str, metric: str) -> list[float]:
    """Return the values of all rounds that have one."""
    return [values_by_proxy[proxy][metric] for values_by_proxy in rounds if metric in values_by_proxy.get(proxy, {})]


def ratios(rounds: list[Round], proxy: str, peer: str, metric: str) -> list[float]:
    """Return the ratio of proxy to peer for each round that has both, if the peer's value is positive."""
    pairs = [
        (values_by_proxy[proxy][metric], values_by_proxy[peer][metric])
        for values_by_proxy in rounds
        if metric in values_by_proxy.get(proxy, {}) and metric in values_by_proxy.get(peer, {})
    ]
    return [own / other for own, other in pairs if other > 0]


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


def table(rounds: list[Round], proxies: list[str]) -> str:
    """Return the summary as text, one line per metric."""
    metrics = summary(rounds, proxies)
    heads = ["", *proxies, *(f"{proxies[0]}/{peer}" for peer in proxies[1:]), "better", "goal"]
    return align_columns([heads, *(_row(METRICS[metric], columns) for metric, columns in metrics.items())])


def _row(metric: Metric, columns: dict[str, dict[str, float | None]]) -> list[str]:
    medians = (_format_value(value, metric.format_spec) for value in columns["medians"].values())
    shares = (_format_value(value, ".2f") for value in columns["ratios"].values())
    return [metric.title, *medians, *shares, metric.better, metric.goal]


def _format_value(value: float | None, format_spec: str) -> str:
    return "-" if value is None else format(value, format_spec)


def align_columns(rows: list[list[str]]) -> str:
    """Align columns two spaces apart: text (the first and the last two) left, numbers right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 2

    def cells(row: list[str]) -> Iterable[str]:
        for index, (text, width) in enumerate(zip(row, widths, strict=True)):
            place: Callable[[int], str] = text.rjust if 0 < index < last else text.ljust
            yield place(width)

    return "\n".join("  ".join(cells(row)).rstrip() for row in rows)
