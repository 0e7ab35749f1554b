"""Who is probed, when, and what is told of it; and a provider that breaks and mends while nobody asks it anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest

from proxy.config.schema import Probe
from proxy.config.snapshot import Snapshot
from proxy.control.probing import JITTER, Endpoint, Probing, endpoints
from proxy.errors import EgressError, ResourceExhaustedError
from proxy.exchange import Services
from proxy.messages import Outgoing
from proxy.resilience.probes import Finding
from proxy.sandbox.scenario import Fault
from proxy.telemetry.health import Trouble
from tests.fakes import PIPELINE, Clock, Log, Transport, generation
from tests.hurry import hurried, leaping
from tests.running import HELLO, TWO, Running, running

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
PROBED = TWO.replace("weight: 1}", "weight: 1, probe: {every: 10s, timeout: 2s}}", 1)
REFUSED = Finding("connection_error", "connection refused")


def snapshot(text: str = FILE) -> Snapshot:
    return generation(text).snapshot


@dataclass
class Asked:
    """Plays findings, each after the time that a probe takes; remembers when it was asked, and by how many at once."""

    findings: list[Finding | Exception | None] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    log: Log = field(default_factory=Log)
    times: list[float] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    suspected: int = 0

    def __post_init__(self) -> None:
        self.services = Services(
            Transport([]), self.log.logger, self.clock, self.clock, sleep=self.sleep, suspect=self.suspect
        )
        self.probing = Probing(self.services, self)

    def suspect(self) -> None:
        self.suspected += 1

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.clock.now += seconds

    async def __call__(self, request: Outgoing, dialect: str, within: float) -> Finding | None:
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

    async def played(self, *findings: Finding | Exception | None) -> None:
        """Probes one endpoint until all of these were found."""
        self.findings += findings
        endpoint = endpoints(snapshot())[0]
        task = asyncio.create_task(self.probing.watch(endpoint))
        while self.findings or self.at_once < 1:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        self.at_once = 0

    def status(self, place: str) -> str | None:
        trouble = self.services.breakers.troubles.get(place)
        return trouble and trouble.status


def test_each_address_is_asked_once_for_all_its_regions_and_nobody_unasked() -> None:
    us, eu = endpoints(snapshot())
    assert (eu.question.url, eu.places) == ("https://eu.a.test/v1/models", ("a@eu",))
    assert (us.question.url, us.places) == ("https://a.test/v1/models", ("a@us", "a@us-2"))


async def test_a_reload_compares_each_address_with_itself_alone(monkeypatch) -> None:
    asked, compared = Asked(), 0
    same = Endpoint.__eq__

    def counted(self: Endpoint, other: object) -> bool:
        nonlocal compared
        compared += 1
        return same(self, other)

    regions = ", ".join(f"r{number}: {{base_url: 'https://r{number}.test'}}" for number in range(100))
    file = snapshot(FILE.replace("us-2: {}", f"us-2: {{}}, {regions}"))
    asked.probing.take(file)
    running = [task for _, task in asked.probing._tasks]
    monkeypatch.setattr(Endpoint, "__eq__", counted)
    asked.probing.take(file)
    assert ([task for _, task in asked.probing._tasks], compared <= 102) == (running, True)
    await asked.probing.stop()


@pytest.mark.parametrize("error", [ResourceExhaustedError("too many open files"), EgressError("no route")])
async def test_trouble_of_our_own_says_nothing_of_the_provider_and_is_one_warning(error: Exception) -> None:
    asked = Asked()
    await asked.played(*[error] * 5)
    assert (asked.status("a@us"), asked.services.tally.probes.total()) == (None, 0)
    assert [(line["level"], line["reason"]) for line in asked.log.lines] == [("warning", str(error))]
    await asked.played(*[REFUSED] * 3)
    assert asked.status("a@us") == "down"


def test_a_key_is_not_shown() -> None:
    text = FILE.replace("probe: {every: 10s}", "api_key: canary\n    probe: {every: 10s}")
    assert "canary" not in repr(endpoints(snapshot(text)))


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
    assert asked.services.tally.probes == {
        ("a", region, outcome): count
        for region in ("us", "us-2")
        for outcome, count in (("connection_error", 5), ("ok", 1))
    }


async def test_good_probes_in_a_row_are_counted_once_for_all_regions_of_the_address() -> None:
    asked = Asked()
    await asked.played(None, None, REFUSED, None, Finding("not_found", "404"))
    runs = [asked.services.observations.probes.of(f"a@{region}/m") for region in ("us", "us-2", "eu")]
    assert [run and list(run) for run in runs] == [[4, 5], [4, 5], None]


async def test_what_changed_is_logged_once_and_stirs_who_watch() -> None:
    asked = Asked()
    await asked.played(REFUSED, REFUSED, REFUSED, Finding("server_error", "503"), None, None)
    told = [(line["place"], line["reason"]) for line in asked.log.lines if line["event"] == "probe_changed"]
    assert [reason for place, reason in told if place == "a@us"] == ["probe: connection refused", "probe: 503", None]
    assert asked.services.feed.stirred.is_set()
    assert asked.services.observations.news.places == 6  # decisions read everything anew


async def test_a_refused_key_may_have_been_changed() -> None:
    asked = Asked()
    await asked.played(Finding("auth_error", "401"))
    assert asked.suspected == 1 and asked.status("a@us") == "degraded"


async def test_a_place_that_answers_requests_is_not_down() -> None:
    asked = Asked()
    us, eu = endpoints(snapshot())
    asked.services.observations.started("a@us-2/m-a", 100.0).succeeded(1000.0)
    assert asked.probing._answering(us, 1001.0)
    assert not asked.probing._answering(us, 1030.0)
    assert not asked.probing._answering(eu, 1001.0)


async def test_nothing_that_is_observed_of_requests_moves() -> None:
    asked = Asked()
    await asked.played(REFUSED, None, REFUSED, REFUSED, REFUSED)
    assert list(asked.services.observations) == [] and asked.services.activity.requests == 0


async def test_a_reload_leaves_alone_what_stays_the_same_and_starts_the_rest_anew() -> None:
    asked = Asked()
    asked.probing.take(snapshot())
    before = {endpoint.question.url: task for endpoint, task in asked.probing._tasks}
    asked.probing.take(snapshot(FILE.replace("https://eu.a.test", "https://eu2.a.test")))
    after = {endpoint.question.url: task for endpoint, task in asked.probing._tasks}
    assert after["https://a.test/v1/models"] is before["https://a.test/v1/models"]
    assert after.keys() == {"https://a.test/v1/models", "https://eu2.a.test/v1/models"}
    await asked.probing.stop()
    assert all(task.cancelled() for task in (*before.values(), *after.values()))
    assert not asked.probing._running


async def test_trouble_outlives_a_reload_until_nobody_probes_there() -> None:
    asked = Asked()
    asked.probing.take(snapshot())
    asked.services.breakers.probed("a@us", Trouble("timeout", "probe: 503", "down", 1e9), 100.0)
    asked.probing.take(snapshot(FILE.replace("every: 10s", "every: 20s")))
    assert asked.status("a@us") == "down"
    asked.probing.take(snapshot(FILE.replace("probe: {every: 10s}", "weight: 1")))
    assert asked.status("a@us") is None and asked.probing._tasks == []
    await asked.probing.stop()


async def test_a_crash_is_told() -> None:
    asked = Asked()

    async def broken(*_: Any) -> None:
        raise RuntimeError

    asked.probing.ask = broken
    asked.probing.take(snapshot())
    while asked.probing._running:
        await asyncio.sleep(0)
    assert {line["event"] for line in asked.log.lines} == {"probing_crashed"}
    await asked.probing.stop()


@asynccontextmanager
async def probed(text: str = PROBED) -> AsyncIterator[tuple[Running, aiohttp.ClientSession]]:
    with leaping():
        async with running(text) as started, aiohttp.ClientSession() as http:
            yield started, http


async def row(started: Running, http: aiohttp.ClientSession, name: str = "first") -> dict[str, Any]:
    async with http.get(f"{started.url}/v1/providers/health") as answer:
        rows = (await answer.json())["providers"]
    return next(row for row in rows if row["name"] == name)


def probes(started: Running) -> int:
    return len(started.sandbox.calls("first"))


@hurried
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
        await started.sandbox.resume("first")
        await asyncio.sleep(20)
        seen = await row(started, http)
        assert (seen["status"], seen["reason"]) == ("degraded", "recovering")
        await asyncio.sleep(45)
        seen = await row(started, http)
        assert (seen["status"], seen["reason"]) == ("healthy", None)
        told = [line for line in started.log.lines if line["event"] == "provider_status_changed"]
        assert [line["status"] for line in told] == ["degraded", "down", "degraded", "healthy"]
        assert {call.method for call in started.sandbox.calls("first")} == {"GET"}
        assert started.sandbox.calls("second") == []


@hurried
async def test_requests_go_elsewhere_while_it_is_down_and_to_it_if_nobody_else_is_left() -> None:
    async with probed() as (started, http), started.client() as client:
        await started.sandbox.fail("first", Fault("status", status=503))
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
        await started.sandbox.fail("first", None)
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={"X-Provider": "first"}
        )
        assert raw.headers["X-Provider"] == "first"


@hurried
async def test_a_rule_for_the_class_of_the_outage_takes_over() -> None:
    rules = '{"primary_provider": "first", "fallback_rules": [{"provider": "second", "trigger": ["connection_error"]}]}'
    async with probed() as (started, _), started.client() as client:
        await started.sandbox.stop("first")
        await asyncio.sleep(40)
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={"X-Failover-Config": rules}
        )
        assert (raw.headers["X-Provider"], raw.headers["X-Provider-Attempts"]) == ("second", "1")


@hurried
async def test_changed_options_hold_from_the_reload_on() -> None:
    async with probed() as (started, http):
        await started.sandbox.stop("first")
        await asyncio.sleep(40)
        await started.edit(", probe: {every: 10s, timeout: 2s}", "")
        await asyncio.sleep(6)
        await row(started, http)
        await started.sandbox.resume("first")
        before = probes(started)
        await asyncio.sleep(60)
        assert probes(started) == before
        assert (await row(started, http))["status"] == "healthy"
        await started.edit("first: {", "first: {probe: {every: 1s}, ")
        await asyncio.sleep(20)
        assert probes(started) >= before + 17


@hurried
async def test_no_task_outlives_the_sidecar() -> None:
    before = asyncio.all_tasks()
    async with probed(TWO.replace("weight: 1}", "weight: 1, probe: {every: 1s}}")) as (started, _):
        await started.sandbox.fail("first", Fault("stall"))
        await asyncio.sleep(1.5)
        assert probes(started) == 1  # and it waits
        await started.sidecar.stop()
        assert not [task for task in asyncio.all_tasks() - before if "Probing" in repr(task) or "probe" in repr(task)]


@pytest.mark.parametrize("text", [TWO, PROBED])
async def test_nobody_is_probed_who_is_not_to_be(text: str) -> None:
    places = [endpoint.provider for endpoint in endpoints(generation(text).snapshot)]
    assert places == (["first"] if text is PROBED else [])


def test_an_endpoint_with_another_setting_is_another() -> None:
    one: Endpoint = endpoints(snapshot())[0]
    assert one == endpoints(snapshot())[0] != replace(one, settings=Probe(failures=9))
