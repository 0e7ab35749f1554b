"""Benchmark of the routing decision and of header parsing, without sockets: `python -m bench.decision`.

Prints microseconds per call. Takes a few seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from statistics import median
from time import perf_counter_ns

from proxy.cli.loop import tune_garbage_collector
from proxy.config.document import parse as read
from proxy.config.load import load
from proxy.config.snapshot import Snapshot
from proxy.config.typed_loader import TypedLoader
from proxy.routing import policy
from proxy.routing.decision import Decision, decide
from proxy.routing.decision_cache import DecisionCache
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import Percentiles, Performance, Signal, Signals, SignalTable

ROUNDS = 15
"""Rounds per measurement. The median and the minimum of their means are printed."""
ROUND_S = 0.05
"""Approximate duration of a round."""

REGIONS = (
    "us-east-1",
    "eu-central-1",
    "ap-south-1",
    "us-west-2",
    "eu-west-3",
    "sa-east-1",
    "ca-central-1",
    "eu-west-1",
)

COMPATIBLE_HEADERS = {
    "X-Include-Providers": "p0,p1,p2,p3,p4,p5",
    "X-Exclude-Providers": "p9",
    "X-Provider-Regions": "us-east-1,eu-central-1",
    "X-Max-Cost-Per-Request": "0.50",
    "X-Routing-Strategy": "automatic",
    "X-User-Region": "us-west-2",
    "X-Max-Latency-Ms": "500",
    "X-Performance-Metric": "ttft",
    "X-Performance-Window": "5m",
    "X-Load-Balance-Strategy": "weighted",
    "X-Load-Balance-Providers": "p0,p1,p2",
    "X-Provider-Weights": '{"p0": 50, "p1": 30, "p2": 20}',
    "X-Retry-On-Provider-Error": "true",
    "X-Max-Provider-Retries": "3",
    "X-Session-Id": "session-1",
    "X-Route-Explain": "true",
}
"""All headers that can be combined so that some provider is still eligible."""
ALL_HEADERS = COMPATIBLE_HEADERS | {
    "X-Provider": "p0,p1,p2,p3,p4,p5",
    "X-Data-Residency": "EU",
    "X-Provider-Preference": "p1,p0",
    "X-Provider-Fallbacks": "p0,p1,p2",
    "X-Google-Safety-Settings": '{"harm_block_threshold": "BLOCK_ONLY_HIGH"}',
}


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one measurement, in microseconds per call."""

    name: str
    median: float
    minimum: float
    goal: float | None

    def __str__(self) -> str:
        goal = f"   goal {self.goal:g}" if self.goal else ""
        return f"{self.name:<58}{self.median:>9.1f} {self.minimum:>9.1f}{goal}"


def build_snapshot(providers: int, regions: int) -> Snapshot:
    """Return a configuration in which every provider serves the model `m`, with a price, in every region."""
    regions_yaml = ", ".join(f"{name}: {{}}" for name in _regions(regions))
    lines = ["providers:", "  p9: {dialect: openai, base_url: 'http://x'}"]
    for number in range(providers):
        name = f"p{number}" if number < 9 else f"q{number}"
        lines.append(
            f"  {name}: {{dialect: openai, base_url: 'http://x', weight: {number + 1}, regions: {{{regions_yaml}}}}}"
        )
    deployment = "{model: up, price: {input: 2, output: 8}, context_window: 128000}"
    names = [line.split(":")[0].strip() for line in lines[2:]]
    lines.append(f"models: {{m: {{{', '.join(f'{name}: {deployment}' for name in names)}}}}}")
    document = read("\n".join(lines))
    snapshot, _ = load(TypedLoader(document, {}, lambda path: ""))
    document.raise_if_invalid()
    return snapshot


def _regions(count: int) -> tuple[str, ...]:
    return (REGIONS + tuple(f"region-{number}" for number in range(count)))[:count]


def build_signals(snapshot: Snapshot) -> Signals:
    """Return signals of every target. One in eight is unavailable, one in five degraded."""
    rows = {}
    for number, target in enumerate(snapshot.targets("m")):
        spread = Percentiles(200.0 + 37 * (number % 11), 900.0, 40)
        rows[target.id] = Signal(
            available_in_ms=500 if number % 8 == 7 else 0,
            degraded=number % 5 == 4,
            performance=Performance(300, spread, spread, spread),
        )
    return Signals(SignalTable(rows), in_flight=lambda target: 1)


def measure(name: str, act: Callable[[int], object], goal: float | None = None) -> Row:
    """Measure how long `act` takes. Its argument is the number of the call."""
    act(0)
    started = perf_counter_ns()
    act(1)
    call_ns = max(perf_counter_ns() - started, 1000)
    calls = max(int(ROUND_S * 1e9 / call_ns), 1)
    means = sorted(_round(act, calls) for _ in range(ROUNDS))
    return Row(name, median(means), means[0], goal)


def _round(act: Callable[[int], object], calls: int) -> float:
    started = perf_counter_ns()
    for number in range(calls):
        act(number)
    return (perf_counter_ns() - started) / calls / 1000


def rows() -> Iterable[Row]:
    """Run all measurements, one after another."""
    six, hundreds = build_snapshot(6, 2), build_snapshot(75, 8)
    tune_garbage_collector()
    for title, snapshot, goal in (("6 providers x 2 regions", six, 25.0), ("600 targets", hundreds, 1000.0)):
        signals, headers_policy = build_signals(snapshot), policy.parse_policy(COMPATIBLE_HEADERS, snapshot)
        if len(snapshot.targets("m")) > 12:
            headers_policy = policy.parse_policy(
                {**COMPATIBLE_HEADERS, "X-Include-Providers": ",".join(sorted(snapshot.known_names.providers)[:32])},
                snapshot,
            )
        yield measure(f"decision, {title}, no headers", _decide(snapshot, Policy(), signals), goal)
        yield measure(f"decision, {title}, all headers", _decide(snapshot, headers_policy, signals), goal)
    numbers = count()
    yield measure(
        "parsing all headers, all but one cached",
        lambda _: policy.parse_policy(_headers_with_session(next(numbers)), six),
        30.0,
    )
    yield measure("parsing all headers, cached", lambda number: policy.parse_policy(ALL_HEADERS, six))
    yield measure("parsing all headers, not cached", lambda _: _parse_uncached(six), 30.0)


def _headers_with_session(number: int) -> dict[str, str]:
    return {**ALL_HEADERS, "X-Session-Id": f"session-{number}"}


def _parse_uncached(snapshot: Snapshot) -> Policy:
    policy.parse_control_headers.cache_clear()
    policy._parse_header.cache_clear()
    return policy.parse_policy(ALL_HEADERS, snapshot)


def _decide(snapshot: Snapshot, headers_policy: Policy, signals: Signals) -> Callable[[int], object]:
    facts = Facts("chat", "m", prompt_tokens=800, max_tokens=400)
    seeds = [f"request-{number}" for number in range(1000)]
    cache = DecisionCache()

    def decide_next(number: int) -> Decision:
        request = RoutingRequest(facts, headers_policy, "automatic", seeds[number % 1000], default_region="us-east-1")
        return decide(request, snapshot, signals, cache)

    return decide_next


def main() -> None:
    """Print the table."""
    print(f"{'microseconds':<58}{'median':>9} {'min':>9}   load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
