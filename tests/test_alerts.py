"""Each shipped alert fires under its condition, and none fires while everything works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
import yaml

from proxy.control.metrics import take_snapshot
from proxy.control.watch import HealthWatcher
from proxy.sandbox.scenario import Fault
from proxy.telemetry.prometheus import ConfigMetrics, exposition
from proxy.telemetry.rate_limit_status import RateLimitStatus
from tests.control.observed import ObservedRuntime, file
from tests.promql import Scrapes
from tests.running import HELLO, TWO_PROVIDERS, RunningSidecar, run_sidecar
from tests.virtual_time import virtual_clocks, virtual_time

GROUPS = yaml.safe_load((Path(__file__).parent.parent / "deploy/alerts.yaml").read_text())["groups"]
RULES = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
SCRAPE_INTERVAL_S = 30
IDLE = TWO_PROVIDERS.replace("models:", '  idle: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}\nmodels:')
"""A third provider that no model leads to."""
REGIONS = TWO_PROVIDERS.replace("weight: 1}", "weight: 1, regions: {us-east-1: {}, eu-central-1: {}}}", 1)
OFF = TWO_PROVIDERS.replace("failover,", "{failover: {circuit_breaker: {enabled: false}}},")
DEAD = Fault("status", status=503)


@dataclass
class Monitored:
    """A sidecar that is scraped while it serves requests."""

    started: RunningSidecar
    http: aiohttp.ClientSession
    scrapes: Scrapes = field(default_factory=Scrapes)

    async def run_for(self, seconds: int, requests_every: int | None = 3, stream: bool = False) -> None:
        """Let virtual time pass, with a request every `requests_every` seconds."""
        loop, step = asyncio.get_running_loop(), requests_every or SCRAPE_INTERVAL_S
        for second in range(0, seconds, step):
            if second % SCRAPE_INTERVAL_S == 0:
                await self._scrape(loop.time())
            if requests_every:
                await self._request(stream)
            await asyncio.sleep(step)
        await self._scrape(loop.time())

    async def _request(self, stream: bool) -> None:
        body = {"model": "m", "messages": HELLO, "stream": stream}
        headers = {"X-Provider-Preference": "first"}
        try:
            async with self.http.post(f"{self.started.url}/v1/chat/completions", json=body, headers=headers) as answer:
                await answer.read()
        except aiohttp.ClientPayloadError:
            pass  # a truncated stream

    async def _scrape(self, now: float) -> None:
        async with self.http.get(f"{self.started.sidecar.admin_url}/metrics") as answer:
            self.scrapes.add(await answer.text(), now)

    def firing(self) -> dict[str, list[str | None]]:
        """Return each alert that fires, with the providers in its labels."""
        return firing(self.scrapes)


def firing(scrapes: Scrapes) -> dict[str, list[str | None]]:
    found = {name: scrapes.firing(rule) for name, rule in RULES.items()}
    return {name: [labels.get("provider") for labels in every] for name, every in found.items() if every}


async def at_once(work: Any, *values: Any) -> Any:
    """Run in the loop instead of a thread, as virtual time would advance meanwhile."""
    return work(*values)


@asynccontextmanager
async def monitored(text: str = TWO_PROVIDERS) -> AsyncIterator[Monitored]:
    with virtual_clocks(), patch("proxy.control.metrics.asyncio.to_thread", at_once):
        async with run_sidecar(text) as started, aiohttp.ClientSession() as http:
            yield Monitored(started, http)


@virtual_time
async def test_nothing_fires_while_everything_works() -> None:
    async with monitored() as seen:
        await seen.run_for(330, requests_every=10)
        assert seen.firing() == {}


@pytest.mark.parametrize(
    ("text", "requests_every"),
    [(TWO_PROVIDERS, 3), (TWO_PROVIDERS, 15), (REGIONS, 5), (OFF, 5)],
    ids=["busy", "little traffic", "two regions", "no breaker"],
)
@virtual_time
async def test_a_failing_provider_fires_until_it_serves_again_with_or_without_traffic(
    text: str, requests_every: int
) -> None:
    async with monitored(text) as seen:
        await seen.started.sandbox.set_fault("first", DEAD)
        await seen.run_for(240, requests_every)
        assert seen.firing() == {"ParrotProviderDown": ["first"]}
        await seen.run_for(330, requests_every=None)
        assert seen.firing() == {"ParrotProviderDown": ["first"]}
        await seen.started.sandbox.set_fault("first", None)
        await seen.run_for(30, requests_every=1)
        assert seen.firing() == {}


@pytest.mark.parametrize("text", [TWO_PROVIDERS, IDLE], ids=["all", "all that are in use"])
@virtual_time
async def test_a_total_outage_fires(text: str) -> None:
    async with monitored(text) as seen:
        for name in ("first", "second"):
            await seen.started.sandbox.set_fault(name, DEAD)
        await seen.run_for(360, requests_every=5)
        assert seen.firing() == {
            "ParrotProviderDown": ["first", "second"],
            "ParrotAllProvidersDown": [None],
            "ParrotRequestsFailing": [None],
        }


@virtual_time
async def test_truncated_responses_fire() -> None:
    async with monitored(TWO_PROVIDERS.replace("failover,", "{failover: {resume: off}},")) as seen:
        for name in ("first", "second"):
            await seen.started.sandbox.set_fault(name, Fault("cut", after=3))
        await seen.run_for(360, requests_every=5, stream=True)
        assert {"ParrotRequestsFailing", "ParrotAllProvidersDown"} <= seen.firing().keys()


@virtual_time
async def test_an_invalid_file_fires() -> None:
    async with monitored() as seen:
        await seen.run_for(30, requests_every=None)
        await seen.started.edit("weight: 1", "wieght: 1")
        await seen.run_for(120, requests_every=None)
        assert seen.firing() == {"ParrotReloadFailed": [None]}


def scrape(seen: ObservedRuntime, scrapes: Scrapes, instance: str = "one:9464", digest: str = "abc") -> None:
    """Scrape the metrics of a runtime that the test has filled."""
    watch = HealthWatcher(seen.runtime, file)
    watch.poll()
    text, _ = exposition(take_snapshot(seen.runtime, watch, ConfigMetrics("1.0", 1, digest, True)), "")
    scrapes.add(text.decode(), seen.clock.now, instance)


def minutes(seen: ObservedRuntime, count: int) -> Iterator[int]:
    """Yield every second of that many minutes, and advance the clock after each."""
    for second in range(count * 60):
        yield second
        seen.clock.now += 1


@pytest.mark.parametrize(("max_used_ratio", "fires"), [(0.95, True), (0.8, False)])
def test_a_rate_limit_that_is_nearly_used_up_every_minute_fires(max_used_ratio: float, fires: bool) -> None:
    seen, scrapes = ObservedRuntime(), Scrapes()
    seen.runtime.on_snapshot(file())
    for second in minutes(seen, 9):
        reset_s = 60 - second % 60
        recorder = seen.runtime.telemetry.observations.start_attempt("b@global/m-b", seen.clock.now)
        recorder.record_rate_limits(
            RateLimitStatus(9, None, max_used_ratio * min(1.0, (second % 60) / 30), seen.clock.now + reset_s)
        )
        recorder.record_finish(seen.clock.now)
        if second % SCRAPE_INTERVAL_S == 0:
            scrape(seen, scrapes)
    assert scrapes.firing(RULES["ParrotRateLimitNear"]) == ([{"job": "parrot", "provider": "b"}] if fires else [])
    for second in minutes(seen, 9):  # without further requests
        if second % SCRAPE_INTERVAL_S == 0:
            scrape(seen, scrapes)
    assert scrapes.firing(RULES["ParrotRateLimitNear"]) == []


@pytest.mark.parametrize(
    ("chat_status", "local_status", "fires"), [(502, 200, True), (200, 502, False), (400, 404, False)]
)
def test_failing_requests_fire_whatever_is_polled_and_scanned(chat_status: int, local_status: int, fires: bool) -> None:
    seen, scrapes = ObservedRuntime(), Scrapes()
    outcome = {200: "ok"}
    for second in minutes(seen, 12):
        record = seen.runtime.telemetry.counters.record_request
        record("chat", chat_status, outcome.get(chat_status, "failed"))
        for endpoint in ("/v1/providers/health", "/dashboard", "unknown") * 20:
            record(endpoint, local_status, outcome.get(local_status, "failed"))
        if second % SCRAPE_INTERVAL_S == 0:
            scrape(seen, scrapes)
    assert bool(scrapes.firing(RULES["ParrotRequestsFailing"])) is fires


@pytest.mark.parametrize(("overhead_s", "fires"), [(0.04, True), (0.004, False)])
def test_a_slow_sidecar_fires(overhead_s: float, fires: bool) -> None:
    seen, scrapes = ObservedRuntime(), Scrapes()
    for second in minutes(seen, 17):
        seen.runtime.telemetry.counters.overhead_s.record(overhead_s)
        if second % SCRAPE_INTERVAL_S == 0:
            scrape(seen, scrapes)
    assert bool(scrapes.firing(RULES["ParrotSlow"])) is fires


@pytest.mark.parametrize(("digests", "fires"), [(("abc", "abd"), True), (("abc", "abc"), False)])
def test_sidecars_with_different_configurations_fire(digests: tuple[str, str], fires: bool) -> None:
    seen, scrapes = ObservedRuntime(), Scrapes()
    for second in minutes(seen, 16):
        if second % SCRAPE_INTERVAL_S == 0:
            for number, digest in enumerate(digests):
                scrape(seen, scrapes, f"{number}:9464", digest)
    assert scrapes.firing(RULES["ParrotFilesDiffer"]) == ([{"job": "parrot"}] if fires else [])


def test_every_alert_has_a_test() -> None:
    text = Path(__file__).read_text()
    assert [name for name in RULES if f'"{name}"' not in text] == []
