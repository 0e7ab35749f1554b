"""The goals: what the sidecar must reach in a run, and what it aims at, mostly as a multiple of a peer's value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for a metric, or for its ratio to a peer's metric (by default the same one)."""

    title: str
    metric: str
    must: float
    aim: float | None = None
    peer: str | None = None
    peer_metric: str = ""
    more: bool = False
    """Whether more is better."""

    def meets(self, value: float, bound: float) -> bool:
        """Whether the value is at the bound or on its better side."""
        return value >= bound if self.more else value <= bound

    def bound(self, number: float | None) -> str:
        """Return the bound as text."""
        return "" if number is None else f"{'>=' if self.more else '<='} {number:g}"


GOALS = (
    Goal("requests/s, x Envoy", "requests_per_second", 0.38, 0.45, "envoy", more=True),
    Goal("requests/s, x TensorZero", "requests_per_second", 1.0, None, "tensorzero", more=True),
    Goal("requests/s, x ferrogw", "requests_per_second", 1.0, None, "ferrogw", more=True),
    Goal("CPU per event, x Envoy", "cpu_us_per_event", 1.25, 1.1, "envoy"),
    Goal(
        "CPU per translated event, x Envoy's event",
        "cpu_us_per_translated_event",
        1.4,
        1.25,
        "envoy",
        "cpu_us_per_event",
    ),
    Goal("added latency p50, x Envoy", "added_ms_p50", 1.6, 1.3, "envoy"),
    Goal("idle memory, MB", "rest_rss_mb", 60.0, 55.0),
    Goal("memory per open stream, kB", "stream_kb", 35.0, 25.0),
    Goal("tools, x plain request's CPU", "tools_cost", 1.5),
    Goal("image, x plain request's CPU", "image_cost", 1.5),
    Goal("other model name, x plain request's CPU", "alias_cost", 1.5),
    Goal("control headers, x plain request's CPU", "control_headers_cost", 1.5),
)
