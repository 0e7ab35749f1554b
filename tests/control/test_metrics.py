"""A scrape shows what happened, under no more names than the file has."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.control.metrics import reading
from proxy.control.watch import Watch
from proxy.sandbox.scenario import Fault
from proxy.telemetry.bounded import ROOM
from proxy.telemetry.health import Standing
from proxy.telemetry.meters import Config
from proxy.telemetry.remaining import Remaining
from tests.control.seen import Seen, file
from tests.hurry import hurried, leaping
from tests.running import HELLO, running

CONFIG = Config("1.0", 1, "abc", True)


def seen(**standings: Standing) -> tuple[Seen, Watch]:
    made = Seen(dict(standings))
    made.services.know(file())
    return made, Watch(made.services, file)


def test_the_callers_names_are_counted_under_the_files() -> None:
    made, watch = seen()
    for number in range(50):
        made.good(f"b@global/x-{number}")
        made.good(f"b@global/other-{number}")
    made.good("a@us/m-a")
    made.good("gone@us/m")
    found = reading(made.services, watch, CONFIG).series
    assert {labels: series.totals.counts.ok for labels, series in found.items()} == {
        ("a", "us", "m-a"): 1,
        ("b", "global", "b/*"): 50,
        ("b", "global", "x-*"): 50,
    }


def test_counts_never_fall_when_targets_are_forgotten() -> None:
    made, watch = seen()
    for number in range(ROOM + 20):
        made.good(f"b@global/x-{number}")
    (series,) = reading(made.services, watch, CONFIG).series.values()
    assert (series.totals.counts.ok, series.totals.prompts.samples) == (ROOM + 20, ROOM + 20)


def test_counts_go_on_when_their_window_is_over() -> None:
    made, watch = seen()
    made.good("a@us/m-a")
    made.clock.now += 10_000
    made.good("a@us/m-a")
    (series,) = reading(made.services, watch, CONFIG).series.values()
    assert series.totals.counts.ok == 2


def test_of_several_targets_the_worst_limit_is_shown_and_0_once_it_was_reset() -> None:
    made, watch = seen(**{"b@global/x-1": Standing(ejected_for=2.0), "b@global/x-2": Standing(cooling_for=2.0)})
    for number, left in ((1, 7), (2, 3)):
        made.good(f"b@global/x-{number}")
        record = made.services.observations.of(f"b@global/x-{number}")
        assert record is not None
        record.remaining = Remaining(left, None, 1 / left, until=made.clock.now + 5)
    made.services.observations.started("b@global/x-2", made.clock.now)
    watch.look()
    (series,) = reading(made.services, watch, CONFIG).series.values()
    assert (series.requests_left, series.tokens_left, series.limit_used) == (3, None, 1 / 3)
    assert (series.in_flight, series.ejected, series.cooling, series.totals.ejections) == (1, 1, 1, 1)
    made.clock.now += 5
    (series,) = reading(made.services, watch, CONFIG).series.values()
    assert (series.requests_left, series.limit_used) == (None, 0.0)


def test_what_was_read_does_not_change_any_more() -> None:
    made, watch = seen()
    made.good("a@us/m-a")
    before = reading(made.services, watch, CONFIG)
    made.good("a@us/m-a")
    made.services.tally.ended("chat", 200, "ok")
    assert before.series["a", "us", "m-a"].totals.counts.latency.samples == 1
    assert not before.tally.requests


async def test_the_admin_listener_answers_scrapes() -> None:
    async with running() as started, aiohttp.ClientSession() as http, started.client() as client:
        await client.chat.completions.create(model="m", messages=HELLO)
        await started.sidecar.front.drained()
        async with http.get(f"{started.sidecar.admin_url}/metrics") as answer:
            assert (answer.status, answer.content_type) == (200, "text/plain")
            found = {family.name: family for family in text_string_to_metric_families(await answer.text())}
        async with http.get(f"{started.url}/metrics") as answer:
            assert answer.status == 404
    assert [sample.value for sample in found["parrot_requests"].samples] == [1.0]
    assert sum(sample.value for sample in found["parrot_attempts"].samples) == 1.0
    assert found["parrot_config_last_reload_successful"].samples[0].value == 1.0
    assert {sample.labels["provider"] for sample in found["parrot_provider_status"].samples} == {"first", "second"}


@hurried
async def test_the_time_of_the_provider_is_not_counted_as_our_own() -> None:
    with leaping():
        async with running() as started, aiohttp.ClientSession() as http, started.client() as client:
            for fault, seconds in ((Fault("slow"), 5.0), (Fault("status", status=429, retry_after=2, times=1), 0.0)):
                await started.sandbox.fail("first", fault)
                started.pace.hold(after=0)
                asyncio.get_running_loop().call_later(seconds, started.pace.go)
                only = {"X-Provider": "first"}
                await client.chat.completions.create(model="m", messages=HELLO, extra_headers=only)
            await started.sidecar.front.drained()
            async with http.get(f"{started.sidecar.admin_url}/metrics") as answer:
                families = {each.name: each for each in text_string_to_metric_families(await answer.text())}
    sums = {sample.name: sample.value for family in families.values() for sample in family.samples}
    assert sums["gen_ai_server_request_duration_seconds_sum"] == pytest.approx(5.0, abs=0.5)
    assert sums["parrot_overhead_seconds_count"] == 2
    assert sums["parrot_overhead_seconds_sum"] < 0.5


async def test_each_file_that_was_read_anew_is_counted() -> None:
    async with running() as started, aiohttp.ClientSession() as http:
        await started.edit("weight: 1", "weight: 2")
        await started.edit("weight: 2", "wieght: 2")
        async with http.get(f"{started.sidecar.admin_url}/metrics") as answer:
            families = {each.name: each for each in text_string_to_metric_families(await answer.text())}
    counted = {sample.labels["result"]: sample.value for sample in families["parrot_config_reloads"].samples}
    assert counted == {"applied": 1, "refused": 1}
