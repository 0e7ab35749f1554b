"""What is measured, on one freshly started proxy; each measure gives the values of its metrics by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import latency, wrk
from bench.processes import cpu_seconds, memory
from bench.streams import OPENED_PER_SECOND, Streams

PACED = 200
"""Streams, of `RATE` events a second each."""
RATE = 50
IDLE = (100, 500)
"""Streams of one event a second: memory per stream is the slope between these two numbers of them."""
SETTLE = 0.5
"""Seconds from the last change until memory is read."""

Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class Subject:
    """A running proxy, the provider behind it, and where files may be left; ports of 127.0.0.1."""

    pid: int
    port: int
    upstream: int
    directory: Path


@dataclass(frozen=True, slots=True)
class Measure:
    """`upstream` is the provider it needs, `tool` the Debian package."""

    run: Callable[[Subject, int], Values]
    upstream: str
    tool: str | None = None


def unary(subject: Subject, seconds: int) -> Values:
    """Requests a second, the CPU of each, and the share of its core: far under 100, the proxy was not the limit."""
    wrk.load(subject.port, 1, subject.directory)
    before = cpu_seconds(subject.pid)
    load = wrk.load(subject.port, seconds, subject.directory)
    each = (cpu_seconds(subject.pid) - before) / load.requests
    return {
        "requests_per_second": load.per_second,
        "cpu_us_per_request": each * 1e6,
        "core_percent": each * load.per_second * 100,
    }


def streams(subject: Subject, seconds: int) -> Values:
    """CPU of a streamed event while all streams are open; every stream must end well."""
    return uvloop.run(_paced(subject, seconds))


async def _paced(subject: Subject, seconds: int) -> Values:
    opening = PACED / OPENED_PER_SECOND + 1
    load = Streams(subject.port, RATE, int(RATE * (opening + seconds)))
    await load.open(PACED)
    events, used, began = load.events, cpu_seconds(subject.pid), time.monotonic()
    await asyncio.sleep(seconds)
    events, used, lasted = load.events - events, cpu_seconds(subject.pid) - used, time.monotonic() - began
    await load.finished(within=30)
    return {"cpu_us_per_event": used / events * 1e6, "events_on_time_percent": 100 * events / (lasted * PACED * RATE)}


def added_latency(subject: Subject, seconds: int) -> Values:
    """Milliseconds added to one request at a time."""
    added = latency.added(subject.upstream, subject.port, seconds / 2)
    return {f"added_ms_{name}": value for name, value in added.items()}


def memory_use(subject: Subject, seconds: int) -> Values:
    """At rest, and for each open stream that has little to say."""
    time.sleep(SETTLE)
    rest = memory(subject.pid)
    values = {"rest_rss_mb": rest.rss / 1e6, "rest_pss_mb": rest.pss / 1e6}
    return values | uvloop.run(_idle(subject))


async def _idle(subject: Subject) -> Values:
    few, many = IDLE
    load = Streams(subject.port, 1, 60)
    try:
        await load.open(few)
        await asyncio.sleep(SETTLE)
        before = memory(subject.pid).rss
        await load.open(many - few)
        await asyncio.sleep(SETTLE)
        return {"stream_kb": (memory(subject.pid).rss - before) / (many - few) / 1e3}
    finally:
        load.close()


MEASURES = {
    "unary": Measure(unary, "unary", tool="wrk"),
    "streams": Measure(streams, "streams"),
    "latency": Measure(added_latency, "unary"),
    "memory": Measure(memory_use, "streams"),
}
