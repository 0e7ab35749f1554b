"""Who is probed, when, and what is told of it; and a provider that breaks and mends while nobody asks it anything."""

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
from proxy.resilience.probes import ProbeResult
from proxy.sandbox.scenario import Fault
from proxy.telemetry.health import ProbeFailure
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
class Asked:
    """Plays findings, each after the time that a probe takes; remembers when it was asked, and by how many at once."""

    findings: list[ProbeResult | Exception | None] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    log: MemoryLog = field(default_factory=MemoryLog)
    times: list[float] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    suspected: int = 0

    def __post_init__(self) -> None:
        self.runtime = Runtime(
            FakeTransport([]), self.log.logger, self.clock, self.clock, sleep=self.sleep, on_auth_failure=self.suspect
        )
        self.probing = ProbeScheduler(self.runtime, self)

    def suspect(self) -> None:
        self.suspected += 1

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.clock.now += seconds

    async def __call__(self, request: UpstreamRequest, dialect: str, within: float) -> ProbeResult | None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.times.append(self.clock.now)
        self.urls.append(request.url)
        await self.sleep(1.0)
        self.at_once -= 1
        if not self.findings:
            await asyncio.Event().wait()
        found = self.findings.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def played(self, *findings: ProbeResult | Exception | None) -> None:
        """Probes one endpoint until all of these were found."""
        self.findings += findings
        endpoint = probe_endpoints(snapshot())[0]
        task = asyncio.create_task(self.probing.probe_forever(endpoint))
        while self.findings or self.at_once < 1:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        self.at_once = 0

    def status(self, place: str) -> str | None:
        trouble = self.runtime.breakers.probe_failures.get(place)
        return trouble and trouble.status


def test_each_address_is_asked_once_for_all_its_regions_and_nobody_unasked() -> None:
    us, eu = probe_endpoints(snapshot())
    assert (eu.request.url, eu.locations) == ("https://eu.a.test/v1/models", ("a@eu",))
    assert (us.request.url, us.locations) == ("https://a.test/v1/models", ("a@us", "a@us-2"))


async def test_a_reload_compares_each_address_with_itself_alone(monkeypatch) -> None:
    asked, compared = Asked(), 0
    same = ProbeEndpoint.__eq__

    def counted(self: ProbeEndpoint, other: object) -> bool:
        nonlocal compared
        compared += 1
        return same(self, other)

    regions = ", ".join(f"r{number}: {{base_url: 'https://r{number}.test'}}" for number in range(100))
    file = snapshot(FILE.replace("us-2: {}", f"us-2: {{}}, {regions}"))
    asked.probing.on_snapshot(file)
    running = [task for _, task in asked.probing._tasks]
    monkeypatch.setattr(ProbeEndpoint, "__eq__", counted)
    asked.probing.on_snapshot(file)
    assert ([task for _, task in asked.probing._tasks], compared <= 102) == (running, True)
    await asked.probing.stop()


@pytest.mark.parametrize("error", [ResourceExhaustedError("too many open files"), EgressError("no route")])
async def test_trouble_of_our_own_says_nothing_of_the_provider_and_is_one_warning(error: Exception) -> None:
    asked = Asked()
    await asked.played(*[error] * 5)
    assert (asked.status("a@us"), asked.runtime.counters.probes.total()) == (None, 0)
    assert [(line["level"], line["reason"]) for line in asked.log.lines] == [("warning", str(error))]
    await asked.played(*[REFUSED] * 3)
    assert asked.status("a@us") == "down"


def test_a_key_is_not_shown() -> None:
    text = FILE.replace("probe: {every: 10s}", "api_key: canary\n    probe: {every: 10s}")
    assert "canary" not in repr(probe_endpoints(snapshot(text)))


async def test_a_probe_never_overlaps_with_itself_and_keeps_its_pace() -> None:
    asked = Asked()
    await asked.played(*[None] * 20)
    assert asked.most == 1
    assert 100 <= asked.times[0] <= 110
    pauses = [after - before - 1.0 for before, after in zip(asked.times, asked.times[1:], strict=False)]
    assert all(10 * (1 - JITTER) <= pause <= 10 * (1 + JITTER) for pause in pauses)
    assert len(set(pauses)) > 10


async def test_every_region_of_the_address_is_told() -> None:
    asked = Asked()
    await asked.played(REFUSED, REFUSED)
    assert (asked.status("a@us"), asked.status("a@us-2"), asked.status("a@eu")) == ("degraded", "degraded", None)
    await asked.played(*[REFUSED] * 3)
    assert asked.status("a@us") == "down"
    await asked.played(None)
    assert asked.status("a@us") is None
    assert asked.runtime.counters.probes == {
        ("a", region, outcome): count
        for region in ("us", "us-2")
        for outcome, count in (("connection_error", 5), ("ok", 1))
    }


async def test_good_probes_in_a_row_are_counted_once_for_all_regions_of_the_address() -> None:
    asked = Asked()
    await asked.played(None, None, REFUSED, None, ProbeResult("not_found", "404"))
    runs = [asked.runtime.observations.probes.good_probes(f"a@{region}/m") for region in ("us", "us-2", "eu")]
    assert [run and list(run) for run in runs] == [[4, 5], [4, 5], None]


async def test_what_changed_is_logged_once_and_stirs_who_watch() -> None:
    asked = Asked()
    await asked.played(REFUSED, REFUSED, REFUSED, ProbeResult("server_error", "503"), None, None)
    told = [(line["place"], line["reason"]) for line in asked.log.lines if line["event"] == "probe_status_changed"]
    assert [reason for place, reason in told if place == "a@us"] == ["probe: connection refused", "probe: 503", None]
    assert asked.runtime.feed.wakeup.is_set()
    assert asked.runtime.observations.urgent_changes.probe_changes == 6  # decisions read everything anew


async def test_a_refused_key_may_have_been_changed() -> None:
    asked = Asked()
    await asked.played(ProbeResult("auth_error", "401"))
    assert asked.suspected == 1 and asked.status("a@us") == "degraded"


async def test_a_place_that_answers_requests_is_not_down() -> None:
    asked = Asked()
    us, eu = probe_endpoints(snapshot())
    asked.runtime.observations.start_attempt("a@us-2/m-a", 100.0).record_content(1000.0)
    assert asked.probing._has_recent_success(us, 1001.0)
    assert not asked.probing._has_recent_success(us, 1030.0)
    assert not asked.probing._has_recent_success(eu, 1001.0)


async def test_nothing_that_is_observed_of_requests_moves() -> None:
    asked = Asked()
    await asked.played(REFUSED, None, REFUSED, REFUSED, REFUSED)
    assert list(asked.runtime.observations) == [] and asked.runtime.activity.requests == 0


async def test_a_reload_leaves_alone_what_stays_the_same_and_starts_the_rest_anew() -> None:
    asked = Asked()
    asked.probing.on_snapshot(snapshot())
    before = {endpoint.request.url: task for endpoint, task in asked.probing._tasks}
    asked.probing.on_snapshot(snapshot(FILE.replace("https://eu.a.test", "https://eu2.a.test")))
    after = {endpoint.request.url: task for endpoint, task in asked.probing._tasks}
    assert after["https://a.test/v1/models"] is before["https://a.test/v1/models"]
    assert after.keys() == {"https://a.test/v1/models", "https://eu2.a.test/v1/models"}
    await asked.probing.stop()
    assert all(task.cancelled() for task in (*before.values(), *after.values()))
    assert not asked.probing._running


async def test_trouble_outlives_a_reload_until_nobody_probes_there() -> None:
    asked = Asked()
    asked.probing.on_snapshot(snapshot())
    asked.runtime.breakers.record_probe("a@us", ProbeFailure("timeout", "probe: 503", "down", 1e9), 100.0)
    asked.probing.on_snapshot(snapshot(FILE.replace("every: 10s", "every: 20s")))
    assert asked.status("a@us") == "down"
    asked.probing.on_snapshot(snapshot(FILE.replace("probe: {every: 10s}", "weight: 1")))
    assert asked.status("a@us") is None and asked.probing._tasks == []
    await asked.probing.stop()


async def test_a_crash_is_told() -> None:
    asked = Asked()

    async def broken(*_: Any) -> None:
        raise RuntimeError

    asked.probing.send_probe = broken
    asked.probing.on_snapshot(snapshot())
    while asked.probing._running:
        await asyncio.sleep(0)
    assert {line["event"] for line in asked.log.lines} == {"probe_task_failed"}
    await asked.probing.stop()


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
async def test_an_outage_shows_and_ends_without_any_traffic() -> None:
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
        told = [line for line in started.log.lines if line["event"] == "provider_status_changed"]
        assert [line["status"] for line in told] == ["degraded", "down", "degraded", "healthy"]
        assert {call.method for call in started.sandbox.requests("first")} == {"GET"}
        assert started.sandbox.requests("second") == []


@virtual_time
async def test_requests_go_elsewhere_while_it_is_down_and_to_it_if_nobody_else_is_left() -> None:
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
async def test_a_rule_for_the_class_of_the_outage_takes_over() -> None:
    rules = '{"primary_provider": "first", "fallback_rules": [{"provider": "second", "trigger": ["connection_error"]}]}'
    async with probed() as (started, _), started.client() as client:
        await started.sandbox.stop("first")
        await asyncio.sleep(40)
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={"X-Failover-Config": rules}
        )
        assert (raw.headers["X-Provider"], raw.headers["X-Provider-Attempts"]) == ("second", "1")


@virtual_time
async def test_changed_options_hold_from_the_reload_on() -> None:
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
async def test_nobody_is_probed_who_is_not_to_be(text: str) -> None:
    places = [endpoint.provider for endpoint in probe_endpoints(generation(text).snapshot)]
    assert places == (["first"] if text is PROBED else [])


def test_an_endpoint_with_another_setting_is_another() -> None:
    one: ProbeEndpoint = probe_endpoints(snapshot())[0]
    assert one == probe_endpoints(snapshot())[0] != replace(one, settings=ProbeConfig(failures=9))
