"""Rounds of values become medians, medians of the rounds' ratios, and a table to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

Round = dict[str, dict[str, float]]
"""Proxy -> metric -> value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How a value is called and written, which way is better (if it compares at all), and what the sidecar aims at."""

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
    "rest_rss_mb": Metric("memory at rest, RSS MB", ".1f", "less", "<= 60 MB"),
    "rest_pss_mb": Metric("memory at rest, PSS MB", ".1f", "less"),
    "stream_kb": Metric("memory per stream, kB", ".1f", "less", "<= 40 kB"),
}


def values(rounds: list[Round], proxy: str, metric: str) -> list[float]:
    """The rounds' values, without the rounds that have none."""
    return [found[proxy][metric] for found in rounds if metric in found.get(proxy, {})]


def ratios(rounds: list[Round], proxy: str, peer: str, metric: str) -> list[float]:
    """Proxy by peer within each round that has both; a peer's value of 0 or less gives none."""
    pairs = [
        (found[proxy][metric], found[peer][metric])
        for found in rounds
        if metric in found.get(proxy, {}) and metric in found.get(peer, {})
    ]
    return [own / other for own, other in pairs if other > 0]


def median_or_none(numbers: list[float]) -> float | None:
    """The median, or None of nothing."""
    return median(numbers) if numbers else None


def summary(rounds: list[Round], proxies: list[str]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Metric -> {"medians": proxy -> value, "ratios": "own/peer" -> value}; the first proxy is the one compared."""
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
    """The summary as text, one metric a line."""
    found = summary(rounds, proxies)
    heads = ["", *proxies, *(f"{proxies[0]}/{peer}" for peer in proxies[1:]), "better", "goal"]
    return align_columns([heads, *(_row(METRICS[metric], columns) for metric, columns in found.items())])


def _row(metric: Metric, columns: dict[str, dict[str, float | None]]) -> list[str]:
    medians = (_written(value, metric.format_spec) for value in columns["medians"].values())
    shares = (_written(value, ".2f") for value in columns["ratios"].values())
    return [metric.title, *medians, *shares, metric.better, metric.goal]


def _written(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def align_columns(rows: list[list[str]]) -> str:
    """Columns two spaces apart: the first and the last two to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 2

    def cells(row: list[str]) -> Iterable[str]:
        for index, (text, width) in enumerate(zip(row, widths, strict=True)):
            place: Callable[[int], str] = text.rjust if 0 < index < last else text.ljust
            yield place(width)

    return "\n".join("  ".join(cells(row)).rstrip() for row in rows)
