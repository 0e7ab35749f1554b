"""Which endpoints are probed, when, and what a result changes; outages are detected without traffic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest

from proxy.config.schema import ProbeConfig
from proxy.config.snapshot import Snapshot
from proxy.control.probing import JITTER, ProbeEndpoint, ProbeScheduler, probe_endpoints
from proxy.errors import EgressError, ResourceExhaustedError
from proxy.exchange import Runtime
from proxy.messages import UpstreamRequest
from proxy.resilience.availability import ProbeFailure
from proxy.resilience.probes import ProbeResult
from proxy.sandbox.scenario import Fault
from tests.fakes import PIPELINE, Clock, FakeTransport, MemoryLog, generation
from tests.running import HELLO, TWO_PROVIDERS, RunningSidecar, run_sidecar
from tests.virtual_time import virtual_clocks, virtual_time

FILE = f"""
pipeline: {PIPELINE}
providers:
  a:
    dialect: openai
    base_url: "https://a.test/v1"
    probe: {{every: 10s}}
    regions: {{us: {{}}, eu: {{base_url: "https://eu.a.test/v1"}}, us-2: {{}}}}
  b: {{dialect: anthropic, base_url: "https://b.test"}}
  off: {{dialect: openai, base_url: "https://off.test/v1", api_key: "${{OFF_KEY}}", probe: {{}}}}
models:
  m: {{a: m-a, b: m-b}}
"""
PROBED = TWO_PROVIDERS.replace("weight: 1}", "weight: 1, probe: {every: 10s, timeout: 2s}}", 1)
REFUSED = ProbeResult("connection_error", "connection refused")


def snapshot(text: str = FILE) -> Snapshot:
    return generation(text).snapshot


@dataclass
class ProbeHarness:
    """Plays results, each after the time that a probe takes; remembers when it was harness, and by how many at once."""

    results: list[ProbeResult | Exception | None] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    log: MemoryLog = field(default_factory=MemoryLog)
    times: list[float] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    concurrent: int = 0
    max_concurrent: int = 0
    auth_failures: int = 0

    def __post_init__(self) -> None:
        runtime = Runtime.create(FakeTransport([]), self.log.logger, self.clock, self.clock)
        self.runtime = replace(runtime, sleep=self.sleep, on_auth_failure=self.on_auth_failure)
        self.scheduler = ProbeScheduler(self.runtime, self)

    def on_auth_failure(self) -> None:
        self.auth_failures += 1

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.clock.now += seconds

    async def __call__(self, request: UpstreamRequest, dialect: str, timeout_s: float) -> ProbeResult | None:
        self.concurrent += 1
        self.max_concurrent = max(self.max_concurrent, self.concurrent)
        self.times.append(self.clock.now)
        self.urls.append(request.url)
        await self.sleep(1.0)
        self.concurrent -= 1
        if not self.results:
            await asyncio.Event().wait()
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    async def play(self, *results: ProbeResult | Exception | None, text: str = FILE) -> None:
        """Probe one endpoint until all of these results were returned."""
        self.results += results
        endpoint = probe_endpoints(snapshot(text))[0]
        task = asyncio.create_task(self.scheduler.probe_forever(endpoint))
        while self.results or self.concurrent < 1:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        self.concurrent = 0

    def status(self, place: str) -> str | None:
        trouble = self.runtime.resilience.breakers.probe_failures.get(place)
        return trouble and trouble.status


def test_each_address_is_probed_once_for_all_its_regions_if_configured() -> None:
    us, eu = probe_endpoints(snapshot())
    assert (eu.request.url, eu.locations) == ("https://eu.a.test/v1/models", ("a@eu",))
    assert (us.request.url, us.locations) == ("https://a.test/v1/models", ("a@us", "a@us-2"))


async def test_a_reload_compares_each_address_with_its_own_old_settings_only(monkeypatch) -> None:
    harness, compared = ProbeHarness(), 0
    same = ProbeEndpoint.__eq__

    def counted(self: ProbeEndpoint, other: object) -> bool:
        nonlocal compared
        compared += 1
        return same(self, other)

    regions = ", ".join(f"r{number}: {{base_url: 'https://r{number}.test'}}" for number in range(100))
    file = snapshot(FILE.replace("us-2: {}", f"us-2: {{}}, {regions}"))
    harness.scheduler.on_snapshot(file)
    running = [task for _, task in harness.scheduler._tasks]
    monkeypatch.setattr(ProbeEndpoint, "__eq__", counted)
    harness.scheduler.on_snapshot(file)
    assert ([task for _, task in harness.scheduler._tasks], compared <= 102) == (running, True)
    await harness.scheduler.stop()


@pytest.mark.parametrize("error", [ResourceExhaustedError("too many open files"), EgressError("no route")])
async def test_local_trouble_is_one_warning_and_no_result_of_the_provider(error: Exception) -> None:
    harness = ProbeHarness()
    await harness.play(*[error] * 5)
    assert (harness.status("a@us"), harness.runtime.telemetry.counters.probes.total()) == (None, 0)
    assert [(line["level"], line["reason"]) for line in harness.log.lines] == [("warning", str(error))]
    await harness.play(*[REFUSED] * 3)
    assert harness.status("a@us") == "down"


POOLED = FILE.replace("probe: {every: 10s}", "api_key: [canary-1, canary-2]\n    probe: {every: 10s}")
REJECTED, LIMITED = ProbeResult("auth_error", "401"), ProbeResult("rate_limit", "429")


@pytest.mark.parametrize(
    ("results", "status", "probes"),
    [
        ((REJECTED, None), None, 1),
        ((REJECTED, REJECTED), "degraded", 1),
        ((REFUSED,), "degraded", 1),
        ((LIMITED,), None, 1),
        ((None, None), None, 2),
    ],
)
async def test_a_probe_with_a_refused_key_of_a_pool_is_sent_with_the_next_one(
    results: tuple[ProbeResult | None, ...], status: str | None, probes: int
) -> None:
    harness = ProbeHarness()
    await harness.play(*results, text=POOLED)
    assert harness.status("a@us") == status
    assert harness.runtime.telemetry.counters.probes.total() == 2 * probes  # one for each region of the address


def test_each_key_of_a_pool_has_its_request() -> None:
    endpoint, *_ = probe_endpoints(snapshot(POOLED))
    sent = [each.headers["authorization"] for each in (endpoint.request, *endpoint.other_keys)]
    assert sent == ["Bearer canary-1", "Bearer canary-2"] and "canary" not in repr(endpoint)


def test_the_repr_of_an_endpoint_has_no_key() -> None:
    text = FILE.replace("probe: {every: 10s}", "api_key: canary\n    probe: {every: 10s}")
    assert "canary" not in repr(probe_endpoints(snapshot(text)))


async def test_probes_of_an_endpoint_never_overlap_and_keep_their_interval() -> None:
    harness = ProbeHarness()
    await harness.play(*[None] * 20)
    assert harness.max_concurrent == 1
    assert 100 <= harness.times[0] <= 110
    pauses = [after - before - 1.0 for before, after in zip(harness.times, harness.times[1:], strict=False)]
    assert all(10 * (1 - JITTER) <= pause <= 10 * (1 + JITTER) for pause in pauses)
    assert len(set(pauses)) > 10


async def test_a_result_applies_to_every_region_of_the_address() -> None:
    harness = ProbeHarness()
    await harness.play(REFUSED, REFUSED)
    assert (harness.status("a@us"), harness.status("a@us-2"), harness.status("a@eu")) == ("degraded", "degraded", None)
    await harness.play(*[REFUSED] * 3)
    assert harness.status("a@us") == "down"
    await harness.play(None)
    assert harness.status("a@us") is None
    assert harness.runtime.telemetry.counters.probes == {
        ("a", region, outcome): count
        for region in ("us", "us-2")
        for outcome, count in (("connection_error", 5), ("ok", 1))
    }


async def test_consecutive_successes_count_once_for_all_regions_of_the_address() -> None:
    harness = ProbeHarness()
    await harness.play(None, None, REFUSED, None, ProbeResult("not_found", "404"))
    runs = [
        harness.runtime.telemetry.observations.probes.good_probes(f"a@{region}/m") for region in ("us", "us-2", "eu")
    ]
    assert [run and list(run) for run in runs] == [[4, 5], [4, 5], None]


async def test_a_status_change_is_logged_once_and_wakes_the_watcher() -> None:
    harness = ProbeHarness()
    await harness.play(REFUSED, REFUSED, REFUSED, ProbeResult("server_error", "503"), None, None)
    logged = [
        (line["location"], line["reason"]) for line in harness.log.lines if line["event"] == "probe_status_changed"
    ]
    assert [reason for location, reason in logged if location == "a@us"] == [
        "probe: connection refused",
        "probe: 503",
        None,
    ]
    assert harness.runtime.telemetry.feed.wakeup.is_set()
    assert (
        harness.runtime.telemetry.observations.urgent_changes.probe_changes == 6
    )  # so that decisions refresh their signals


async def test_an_auth_error_triggers_a_reload_of_key_files() -> None:
    harness = ProbeHarness()
    await harness.play(ProbeResult("auth_error", "401"))
    assert harness.auth_failures == 1 and harness.status("a@us") == "degraded"


async def test_a_region_that_serves_requests_is_not_down() -> None:
    harness = ProbeHarness()
    us, eu = probe_endpoints(snapshot())
    harness.runtime.telemetry.observations.start_attempt("a@us-2/m-a", 100.0).record_content(1000.0)
    assert harness.scheduler._has_recent_success(us, 1001.0)
    assert not harness.scheduler._has_recent_success(us, 1030.0)
    assert not harness.scheduler._has_recent_success(eu, 1001.0)


async def test_probes_do_not_count_as_requests() -> None:
    harness = ProbeHarness()
    await harness.play(REFUSED, None, REFUSED, REFUSED, REFUSED)
    assert list(harness.runtime.telemetry.observations) == [] and harness.runtime.telemetry.activity.requests == 0


async def test_a_reload_keeps_unchanged_tasks_and_restarts_the_others() -> None:
    harness = ProbeHarness()
    harness.scheduler.on_snapshot(snapshot())
    before = {endpoint.request.url: task for endpoint, task in harness.scheduler._tasks}
    harness.scheduler.on_snapshot(snapshot(FILE.replace("https://eu.a.test", "https://eu2.a.test")))
    after = {endpoint.request.url: task for endpoint, task in harness.scheduler._tasks}
    assert after["https://a.test/v1/models"] is before["https://a.test/v1/models"]
    assert after.keys() == {"https://a.test/v1/models", "https://eu2.a.test/v1/models"}
    await harness.scheduler.stop()
    assert all(task.cancelled() for task in (*before.values(), *after.values()))
    assert not harness.scheduler._running


async def test_a_probe_failure_survives_reloads_until_the_probe_is_removed() -> None:
    harness = ProbeHarness()
    harness.scheduler.on_snapshot(snapshot())
    harness.runtime.resilience.breakers.record_probe("a@us", ProbeFailure("timeout", "probe: 503", "down", 1e9), 100.0)
    harness.scheduler.on_snapshot(snapshot(FILE.replace("every: 10s", "every: 20s")))
    assert harness.status("a@us") == "down"
    harness.scheduler.on_snapshot(snapshot(FILE.replace("probe: {every: 10s}", "weight: 1")))
    assert harness.status("a@us") is None and harness.scheduler._tasks == []
    await harness.scheduler.stop()


async def test_a_crashed_probe_task_is_logged() -> None:
    harness = ProbeHarness()

    async def broken(*_: Any) -> None:
        raise RuntimeError

    harness.scheduler.send_probe = broken
    harness.scheduler.on_snapshot(snapshot())
    while harness.scheduler._running:
        await asyncio.sleep(0)
    assert {line["event"] for line in harness.log.lines} == {"probe_task_failed"}
    assert sorted(line["locations"] for line in harness.log.lines) == [["a@eu"], ["a@us", "a@us-2"]]
    await harness.scheduler.stop()


@asynccontextmanager
async def probed(text: str = PROBED) -> AsyncIterator[tuple[RunningSidecar, aiohttp.ClientSession]]:
    with virtual_clocks():
        async with run_sidecar(text) as started, aiohttp.ClientSession() as http:
            yield started, http


async def row(started: RunningSidecar, http: aiohttp.ClientSession, name: str = "first") -> dict[str, Any]:
    async with http.get(f"{started.url}/v1/providers/health") as answer:
        rows = (await answer.json())["providers"]
    return next(row for row in rows if row["name"] == name)


def probes(started: RunningSidecar) -> int:
    return len(started.sandbox.requests("first"))


@virtual_time
async def test_probes_alone_detect_an_outage_and_the_recovery() -> None:
    async with probed() as (started, http):
        await asyncio.sleep(11)
        assert probes(started) >= 1 and (await row(started, http))["status"] == "healthy"
        await started.sandbox.stop("first")
        await asyncio.sleep(12)
        seen = await row(started, http)
        assert (seen["status"], seen["reason"]) == ("degraded", "probe: connection refused")
        await asyncio.sleep(22)
        seen = await row(started, http)
        assert (seen["status"], seen["reason"]) == ("down", "probe: connection refused")
        assert (seen["uptime_percentage"], seen["error_rate"], seen["avg_response_time_ms"]) == (None, None, None)
        assert (await row(started, http, "second"))["status"] == "healthy"
        await started.sandbox.restore("first")
        await asyncio.sleep(20)
        seen = await row(started, http)
        assert (seen["status"], seen["reason"]) == ("degraded", "recovering")
        await asyncio.sleep(45)
        seen = await row(started, http)
        assert (seen["status"], seen["reason"]) == ("healthy", None)
        logged = [line for line in started.log.lines if line["event"] == "provider_status_changed"]
        assert [line["status"] for line in logged] == ["degraded", "down", "degraded", "healthy"]
        assert {call.method for call in started.sandbox.requests("first")} == {"GET"}
        assert started.sandbox.requests("second") == []


@virtual_time
async def test_a_provider_that_probes_find_down_is_used_last() -> None:
    async with probed() as (started, http), started.client() as client:
        await started.sandbox.set_fault("first", Fault("status", status=503))
        await asyncio.sleep(40)
        assert (await row(started, http))["reason"] == "probe: 503"
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={"X-Provider-Preference": "first"}
        )
        assert (raw.headers["X-Provider"], raw.headers["X-Provider-Attempts"]) == ("second", "1")
        async with http.post(
            f"{started.url}/v1/costs/analyze", json={"model": "m", "prompt_tokens": 1, "completion_tokens": 1}
        ) as answer:
            assert (await answer.json())["first"]["reason"] == "down"
        await started.sandbox.set_fault("first", None)
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={"X-Provider": "first"}
        )
        assert raw.headers["X-Provider"] == "first"


@virtual_time
async def test_a_failover_rule_for_the_class_of_the_probe_failure_applies() -> None:
    rules = '{"primary_provider": "first", "fallback_rules": [{"provider": "second", "trigger": ["connection_error"]}]}'
    async with probed() as (started, _), started.client() as client:
        await started.sandbox.stop("first")
        await asyncio.sleep(40)
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={"X-Failover-Config": rules}
        )
        assert (raw.headers["X-Provider"], raw.headers["X-Provider-Attempts"]) == ("second", "1")


@virtual_time
async def test_changed_probe_options_apply_from_the_reload_on() -> None:
    async with probed() as (started, http):
        await started.sandbox.stop("first")
        await asyncio.sleep(40)
        await started.edit(", probe: {every: 10s, timeout: 2s}", "")
        await asyncio.sleep(6)
        await row(started, http)
        await started.sandbox.restore("first")
        before = probes(started)
        await asyncio.sleep(60)
        assert probes(started) == before
        assert (await row(started, http))["status"] == "healthy"
        await started.edit("first: {", "first: {probe: {every: 1s}, ")
        await asyncio.sleep(20)
        assert probes(started) >= before + 17


@virtual_time
async def test_no_task_outlives_the_sidecar() -> None:
    before = asyncio.all_tasks()
    async with probed(TWO_PROVIDERS.replace("weight: 1}", "weight: 1, probe: {every: 1s}}")) as (started, _):
        await started.sandbox.set_fault("first", Fault("stall"))
        await asyncio.sleep(1.5)
        assert probes(started) == 1  # and it waits
        await started.sidecar.stop()
        assert not [task for task in asyncio.all_tasks() - before if "Probing" in repr(task) or "probe" in repr(task)]


@pytest.mark.parametrize("text", [TWO_PROVIDERS, PROBED])
async def test_disabled_or_unconfigured_providers_are_not_probed(text: str) -> None:
    places = [endpoint.provider for endpoint in probe_endpoints(generation(text).snapshot)]
    assert places == (["first"] if text is PROBED else [])


def test_endpoints_with_different_settings_differ() -> None:
    one: ProbeEndpoint = probe_endpoints(snapshot())[0]
    assert one == probe_endpoints(snapshot())[0] != replace(one, settings=ProbeConfig(failures=9))
