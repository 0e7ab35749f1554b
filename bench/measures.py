"""The measures: each runs on one freshly started proxy and returns the values of its metrics by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import latency, wrk
from bench.processes import cpu_seconds, read_memory
from bench.streams import OPENED_PER_SECOND, StreamLoad

PACED_STREAMS = 200
"""Number of streams in the measure `streams`, with `EVENTS_PER_SECOND` events per second each."""
EVENTS_PER_SECOND = 50
IDLE_STREAMS = (100, 500)
"""Numbers of streams with one event per second. Memory per stream is the slope between the two."""
SETTLE_S = 0.5
"""Time from the last change until memory is read."""

Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class ProxyUnderTest:
    """A running proxy, the provider behind it (both are ports of 127.0.0.1), and a directory for files."""

    pid: int
    port: int
    upstream: int
    directory: Path


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure. `upstream` names the provider it needs, `tool` the Debian package."""

    run: Callable[[ProxyUnderTest, int], Values]
    upstream: str
    tool: str | None = None


def unary(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure requests per second, CPU per request and the share of the core.

    If the share is far below 100 %, the proxy was not the bottleneck.
    """
    wrk.run_wrk(subject.port, 1, subject.directory)
    before = cpu_seconds(subject.pid)
    load = wrk.run_wrk(subject.port, seconds, subject.directory)
    each = (cpu_seconds(subject.pid) - before) / load.requests
    return {
        "requests_per_second": load.per_second,
        "cpu_us_per_request": each * 1e6,
        "core_percent": each * load.per_second * 100,
    }


def streams(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure CPU per streamed event while all streams are open. Every stream must end normally."""
    return uvloop.run(_paced(subject, seconds))


async def _paced(subject: ProxyUnderTest, seconds: int) -> Values:
    opening = PACED_STREAMS / OPENED_PER_SECOND + 1
    load = StreamLoad(subject.port, EVENTS_PER_SECOND, int(EVENTS_PER_SECOND * (opening + seconds)))
    await load.open(PACED_STREAMS)
    events, used, began = load.events, cpu_seconds(subject.pid), time.monotonic()
    await asyncio.sleep(seconds)
    events, used, lasted = load.events - events, cpu_seconds(subject.pid) - used, time.monotonic() - began
    await load.wait_finished(timeout_s=30)
    return {
        "cpu_us_per_event": used / events * 1e6,
        "events_on_time_percent": 100 * events / (lasted * PACED_STREAMS * EVENTS_PER_SECOND),
    }


def added_latency(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure the added latency in milliseconds, with one request at a time."""
    added = latency.added_latency_ms(subject.upstream, subject.port, seconds / 2)
    return {f"added_ms_{name}": value for name, value in added.items()}


def memory_use(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure memory without load, and per open stream with little traffic."""
    time.sleep(SETTLE_S)
    rest = read_memory(subject.pid)
    values = {"rest_rss_mb": rest.rss_bytes / 1e6, "rest_pss_mb": rest.pss_bytes / 1e6}
    return values | uvloop.run(_idle(subject))


async def _idle(subject: ProxyUnderTest) -> Values:
    few, many = IDLE_STREAMS
    load = StreamLoad(subject.port, 1, 60)
    try:
        await load.open(few)
        await asyncio.sleep(SETTLE_S)
        before = read_memory(subject.pid).rss_bytes
        await load.open(many - few)
        await asyncio.sleep(SETTLE_S)
        return {"stream_kb": (read_memory(subject.pid).rss_bytes - before) / (many - few) / 1e3}
    finally:
        load.close()


MEASURES = {
    "unary": Measure(unary, "unary", tool="wrk"),
    "streams": Measure(streams, "streams"),
    "latency": Measure(added_latency, "unary"),
    "memory": Measure(memory_use, "streams"),
}
