"""The measures: each runs on one freshly started proxy and returns the values of its metrics by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import latency, wrk
from bench.payloads import ANTHROPIC_MODEL, STREAM_MODELS, VARIANTS, Api
from bench.processes import cpu_seconds, read_memory
from bench.proxies import Proxy
from bench.streams import OPENED_PER_SECOND, StreamLoad

PACED_STREAMS = 200
"""Number of streams in the measures `streams` and `translated`, with `EVENTS_PER_SECOND` events per second each."""
EVENTS_PER_SECOND = 50
IDLE_STREAMS = (100, 500)
"""Numbers of streams with one event per second. Memory per stream is the slope between the two."""
IDLE_EVENTS = 60
SETTLE_S = 0.5
"""Time from the last change until memory is read."""

Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class ProxyUnderTest:
    """A running proxy, the provider behind it (both are ports of 127.0.0.1), and a directory for files."""

    proxy: Proxy
    api: Api
    pid: int
    port: int
    upstream: int
    directory: Path


def _chat_api(proxy: Proxy) -> Api | None:
    return proxy.api


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure. `upstream` names the provider it needs, `tool` the Debian package.

    `api` returns which API of a proxy is measured, or None if the proxy has none.
    """

    run: Callable[[ProxyUnderTest, int], Values]
    upstream: str
    tool: str | None = None
    api: Callable[[Proxy], Api | None] = _chat_api


def unary(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure requests per second, CPU per request and the share of the core.

    If the share is far below 100 %, the proxy was not the bottleneck.
    """
    wrk.run_wrk(subject.port, subject.api, 1, subject.directory)
    load, each = _unary_load(subject, "plain", seconds)
    return {
        "requests_per_second": load.per_second,
        "cpu_us_per_request": each * 1e6,
        "core_percent": each * load.per_second * 100,
    }


def variants(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure CPU per request of each variant, as a multiple of the plain request's on the same process."""
    wrk.run_wrk(subject.port, subject.api, 1, subject.directory)
    used = {name: _unary_load(subject, name, max(1, seconds // 2))[1] for name in VARIANTS}
    plain = used.pop("plain")
    return {f"{name}_cost": each / plain for name, each in used.items()}


def _unary_load(subject: ProxyUnderTest, variant: str, seconds: int) -> tuple[wrk.WrkResult, float]:
    """Return the result of wrk, and CPU seconds per request."""
    before = cpu_seconds(subject.pid)
    load = wrk.run_wrk(subject.port, subject.api, seconds, subject.directory, VARIANTS[variant])
    return load, (cpu_seconds(subject.pid) - before) / load.requests


def streams(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure CPU per streamed event while all streams are open. Every stream must end normally."""
    used, on_time = uvloop.run(_paced(subject, STREAM_MODELS[EVENTS_PER_SECOND], seconds))
    return {"cpu_us_per_event": used, "events_on_time_percent": on_time}


def translated(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure CPU per event that the proxy translates from Anthropic's format to OpenAI's."""
    used, on_time = uvloop.run(_paced(subject, ANTHROPIC_MODEL, seconds))
    return {"cpu_us_per_translated_event": used, "translated_on_time_percent": on_time}


async def _paced(subject: ProxyUnderTest, model: str, seconds: int) -> tuple[float, float]:
    """Return CPU microseconds per event, and the percentage of events that arrived on time."""
    number = PACED_STREAMS // subject.proxy.slowness
    opening = number / OPENED_PER_SECOND + 1
    load = StreamLoad(subject.port, subject.api, model, int(EVENTS_PER_SECOND * (opening + seconds)))
    await load.open(number)
    events, used, began = load.events, cpu_seconds(subject.pid), time.monotonic()
    await asyncio.sleep(seconds)
    events, used, lasted = load.events - events, cpu_seconds(subject.pid) - used, time.monotonic() - began
    await load.wait_finished(timeout_s=30)
    return used / events * 1e6, 100 * events / (lasted * number * EVENTS_PER_SECOND)


def added_latency(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure the added latency in milliseconds, with one request at a time."""
    added = latency.added_latency_ms(subject.upstream, subject.port, subject.api, seconds / 2)
    return {f"added_ms_{name}": value for name, value in added.items()}


def memory_use(subject: ProxyUnderTest, seconds: int) -> Values:
    """Measure memory without load, and per open stream with little traffic."""
    time.sleep(SETTLE_S)
    rest = read_memory(subject.pid)
    values = {"rest_rss_mb": rest.rss_bytes / 1e6, "rest_pss_mb": rest.pss_bytes / 1e6}
    return values | uvloop.run(_idle(subject))


async def _idle(subject: ProxyUnderTest) -> Values:
    few, many = (number // subject.proxy.slowness for number in IDLE_STREAMS)
    load = StreamLoad(subject.port, subject.api, STREAM_MODELS[1], IDLE_EVENTS)
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
    "variants": Measure(variants, "unary", tool="wrk", api=lambda proxy: proxy.variants_api),
    "streams": Measure(streams, "streams"),
    "translated": Measure(translated, "streams", api=lambda proxy: proxy.translated_api),
    "latency": Measure(added_latency, "unary"),
    "memory": Measure(memory_use, "streams"),
}
