"""What a decision costs, without sockets: `python -m bench.decision` prints microseconds, within seconds."""

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
from proxy.routing.decision import decide
from proxy.routing.facts import Facts
from proxy.routing.policy import Policy
from proxy.routing.routing_request import RoutingRequest
from proxy.telemetry.signals import Percentiles, Performance, Signal, Signals, SignalTable

ROUNDS = 15
"""Of each measurement; the median of their means is printed, and the least."""
ROUND_S = 0.05
"""Seconds that a round takes, roughly."""

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
"""Every header that can stand beside the others and leave somebody to serve."""
ALL_HEADERS = COMPATIBLE_HEADERS | {
    "X-Provider": "p0,p1,p2,p3,p4,p5",
    "X-Data-Residency": "EU",
    "X-Provider-Preference": "p1,p0",
    "X-Provider-Fallbacks": "p0,p1,p2",
    "X-Google-Safety-Settings": '{"harm_block_threshold": "BLOCK_ONLY_HIGH"}',
}


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured: microseconds a call."""

    name: str
    median: float
    least: float
    goal: float | None

    def __str__(self) -> str:
        goal = f"   goal {self.goal:g}" if self.goal else ""
        return f"{self.name:<58}{self.median:>9.1f} {self.least:>9.1f}{goal}"


def snapshot(providers: int, regions: int) -> Snapshot:
    """A file in which every provider serves the model `m` in every region, at a price."""
    places = ", ".join(f"{name}: {{}}" for name in _places(regions))
    lines = ["providers:", "  p9: {dialect: openai, base_url: 'http://x'}"]
    for number in range(providers):
        name = f"p{number}" if number < 9 else f"q{number}"
        lines.append(
            f"  {name}: {{dialect: openai, base_url: 'http://x', weight: {number + 1}, regions: {{{places}}}}}"
        )
    served = "{model: up, price: {input: 2, output: 8}, context_window: 128000}"
    names = [line.split(":")[0].strip() for line in lines[2:]]
    lines.append(f"models: {{m: {{{', '.join(f'{name}: {served}' for name in names)}}}}}")
    document = read("\n".join(lines))
    made, _ = load(TypedLoader(document, {}, lambda path: ""))
    document.raise_if_invalid()
    return made


def _places(count: int) -> tuple[str, ...]:
    return (REGIONS + tuple(f"place-{number}" for number in range(count)))[:count]


def signals(made: Snapshot) -> Signals:
    """Something known of every target; one in eight is not available, one in five degraded."""
    rows = {}
    for number, target in enumerate(made.targets("m")):
        spread = Percentiles(200.0 + 37 * (number % 11), 900.0, 40)
        rows[target.id] = Signal(
            available_in_ms=500 if number % 8 == 7 else 0,
            degraded=number % 5 == 4,
            performance=Performance(300, spread, spread, spread),
        )
    return Signals(SignalTable(rows), in_flight=lambda target: 1)


def measure(name: str, act: Callable[[int], object], goal: float | None = None) -> Row:
    """How long `act` takes; it is given a number that differs from call to call."""
    act(0)
    started = perf_counter_ns()
    act(1)
    each = max(perf_counter_ns() - started, 1000)
    calls = max(int(ROUND_S * 1e9 / each), 1)
    means = sorted(_round(act, calls) for _ in range(ROUNDS))
    return Row(name, median(means), means[0], goal)


def _round(act: Callable[[int], object], calls: int) -> float:
    started = perf_counter_ns()
    for number in range(calls):
        act(number)
    return (perf_counter_ns() - started) / calls / 1000


def rows() -> Iterable[Row]:
    """All measurements, one after another."""
    six, hundreds = snapshot(6, 2), snapshot(75, 8)
    tune_garbage_collector()
    for text, made, goal in (("6 providers x 2 regions", six, 25.0), ("600 targets", hundreds, 1000.0)):
        known, every = signals(made), policy.parse_policy(COMPATIBLE_HEADERS, made)
        if len(made.targets("m")) > 12:
            every = policy.parse_policy(
                {**COMPATIBLE_HEADERS, "X-Include-Providers": ",".join(sorted(made.known_names.providers)[:32])}, made
            )
        yield measure(f"decision, {text}, no headers", _deciding(made, Policy(), known), goal)
        yield measure(f"decision, {text}, all headers", _deciding(made, every, known), goal)
    fresh = count()
    yield measure(
        "parsing of all headers, all but one seen before",
        lambda _: policy.parse_policy(_numbered(next(fresh)), six),
        30.0,
    )
    yield measure("parsing of all headers, seen before", lambda number: policy.parse_policy(ALL_HEADERS, six))
    yield measure("parsing of all headers, nothing kept", lambda _: _afresh(six), 30.0)


def _numbered(number: int) -> dict[str, str]:
    return {**ALL_HEADERS, "X-Session-Id": f"session-{number}"}


def _afresh(made: Snapshot) -> Policy:
    policy._parse_cached.cache_clear()
    policy._parse_header.cache_clear()
    return policy.parse_policy(ALL_HEADERS, made)


def _deciding(made: Snapshot, asked: Policy, known: Signals) -> Callable[[int], object]:
    facts = Facts("chat", "m", prompt_tokens=800, max_tokens=400)
    seeds = [f"request-{number}" for number in range(1000)]
    return lambda number: decide(
        RoutingRequest(facts, asked, "automatic", seeds[number % 1000], default_region="us-east-1"), made, known
    )


def main() -> None:
    """Print the table."""
    print(f"{'microseconds':<58}{'median':>9} {'least':>9}   load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
