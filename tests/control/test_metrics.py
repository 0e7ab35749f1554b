"""A scrape shows every count; labels come from the configuration only."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.control.metrics import take_snapshot
from proxy.control.watch import HealthWatcher
from proxy.resilience.availability import Availability
from proxy.sandbox.scenario import Fault
from proxy.telemetry.prometheus import ConfigMetrics
from proxy.telemetry.rate_limit_status import RateLimitStatus
from proxy.telemetry.target_map import MAX_UNPINNED
from tests.control.observed import ObservedRuntime, file
from tests.running import HELLO, TWO_PROVIDERS, run_sidecar
from tests.virtual_time import virtual_clocks, virtual_time

CONFIG = ConfigMetrics("1.0", 1, "abc", True)


def observe(**standings: Availability) -> tuple[ObservedRuntime, HealthWatcher]:
    made = ObservedRuntime(dict(standings))
    made.runtime.on_snapshot(file())
    return made, HealthWatcher(made.runtime, file)


def test_names_that_a_pattern_matched_are_counted_under_the_pattern() -> None:
    made, watch = observe()
    for number in range(50):
        made.add_successes(f"b@global/x-{number}")
        made.add_successes(f"b@global/other-{number}")
    made.add_successes("a@us/m-a")
    made.add_successes("gone@us/m")
    found = take_snapshot(made.runtime, watch, CONFIG).series
    assert {labels: series.totals.counts.ok for labels, series in found.items()} == {
        ("a", "us", "m-a"): 1,
        ("b", "global", "b/*"): 50,
        ("b", "global", "x-*"): 50,
    }


def test_counters_never_fall_when_targets_are_evicted() -> None:
    made, watch = observe()
    for number in range(MAX_UNPINNED + 20):
        made.add_successes(f"b@global/x-{number}")
    (series,) = take_snapshot(made.runtime, watch, CONFIG).series.values()
    assert (series.totals.counts.ok, series.totals.prompt_tokens.samples) == (MAX_UNPINNED + 20, MAX_UNPINNED + 20)


def test_counters_survive_the_end_of_their_window() -> None:
    made, watch = observe()
    made.add_successes("a@us/m-a")
    made.clock.now += 10_000
    made.add_successes("a@us/m-a")
    (series,) = take_snapshot(made.runtime, watch, CONFIG).series.values()
    assert series.totals.counts.ok == 2


def test_the_most_exhausted_limit_of_several_targets_is_shown_and_0_after_its_reset() -> None:
    made, watch = observe(
        **{"b@global/x-1": Availability(ejected_for_s=2.0), "b@global/x-2": Availability(cooling_for_s=2.0)}
    )
    for number, left in ((1, 7), (2, 3)):
        made.add_successes(f"b@global/x-{number}")
        record = made.runtime.telemetry.observations.get(f"b@global/x-{number}")
        assert record is not None
        record.rate_limits.record(RateLimitStatus(left, None, 1 / left, resets_at=made.clock.now + 5))
    made.runtime.telemetry.observations.start_attempt("b@global/x-2", made.clock.now)
    watch.poll()
    (series,) = take_snapshot(made.runtime, watch, CONFIG).series.values()
    assert (series.requests_remaining, series.tokens_remaining, series.limit_used_ratio) == (3, None, 1 / 3)
    assert (series.in_flight, series.ejected, series.cooling_down, series.totals.ejections) == (1, 1, 1, 1)
    made.clock.now += 5
    (series,) = take_snapshot(made.runtime, watch, CONFIG).series.values()
    assert (series.requests_remaining, series.limit_used_ratio) == (None, 0.0)


def test_a_snapshot_does_not_change_afterwards() -> None:
    made, watch = observe()
    made.add_successes("a@us/m-a")
    before = take_snapshot(made.runtime, watch, CONFIG)
    made.add_successes("a@us/m-a")
    made.runtime.telemetry.counters.record_request("chat", 200, "ok")
    assert before.series["a", "us", "m-a"].totals.counts.latency.samples == 1
    assert not before.counters.requests


async def test_the_admin_listener_answers_scrapes() -> None:
    async with run_sidecar() as started, aiohttp.ClientSession() as http, started.client() as client:
        await client.chat.completions.create(model="m", messages=HELLO)
        await started.sidecar.handler.wait_idle()
        async with http.get(f"{started.sidecar.admin_url}/metrics") as answer:
            assert (answer.status, answer.content_type) == (200, "text/plain")
            found = {family.name: family for family in text_string_to_metric_families(await answer.text())}
        async with http.get(f"{started.url}/metrics") as answer:
            assert answer.status == 404
    assert [sample.value for sample in found["parrot_requests"].samples] == [1.0]
    assert sum(sample.value for sample in found["parrot_attempts"].samples) == 1.0
    assert found["parrot_config_last_reload_successful"].samples[0].value == 1.0
    assert {sample.labels["provider"] for sample in found["parrot_provider_status"].samples} == {"first", "second"}


@virtual_time
async def test_overhead_excludes_the_providers_time() -> None:
    with virtual_clocks():
        async with run_sidecar() as started, aiohttp.ClientSession() as http, started.client() as client:
            for fault, seconds in ((Fault("slow"), 5.0), (Fault("status", status=429, retry_after=2, times=1), 0.0)):
                await started.sandbox.set_fault("first", fault)
                started.pace.hold(after=0)
                asyncio.get_running_loop().call_later(seconds, started.pace.release)
                only = {"X-Provider": "first"}
                await client.chat.completions.create(model="m", messages=HELLO, extra_headers=only)
            await started.sidecar.handler.wait_idle()
            async with http.get(f"{started.sidecar.admin_url}/metrics") as answer:
                families = {each.name: each for each in text_string_to_metric_families(await answer.text())}
    sums = {sample.name: sample.value for family in families.values() for sample in family.samples}
    assert sums["gen_ai_server_request_duration_seconds_sum"] == pytest.approx(5.0, abs=0.5)
    assert sums["parrot_overhead_seconds_count"] == 2
    assert sums["parrot_overhead_seconds_sum"] < 0.5


async def test_each_reload_is_counted() -> None:
    async with run_sidecar() as started, aiohttp.ClientSession() as http:
        await started.edit("weight: 1", "weight: 2")
        await started.edit("weight: 2", "wieght: 2")
        async with http.get(f"{started.sidecar.admin_url}/metrics") as answer:
            families = {each.name: each for each in text_string_to_metric_families(await answer.text())}
    counted = {sample.labels["result"]: sample.value for sample in families["parrot_config_reloads"].samples}
    assert counted == {"applied": 1, "rejected": 1}


async def test_requests_are_counted_under_their_endpoint_however_they_end() -> None:
    keyed = TWO_PROVIDERS.replace("auth,", "{auth: {keys: [{name: app, value: your-key}]}},")
    key = {"Authorization": "Bearer your-key"}
    async with run_sidecar(keyed) as started, aiohttp.ClientSession() as http:
        for method, path, headers in (
            ("POST", "/v1/chat/completions", {}),
            ("GET", "/v1/chat/completions", key),
            ("GET", "/v1/models", key),
            ("GET", "/v1/models/m", key),
            ("GET", "/v1/providers/health?provider=first", key),
            ("GET", "/canary-1", key),
            ("GET", "/canary-2?key=canary", {}),
        ):
            async with http.request(method, started.url + path, headers=headers) as answer:
                await answer.read()
        await started.sidecar.handler.wait_idle()
        async with http.get(f"{started.sidecar.admin_url}/metrics") as answer:
            text = await answer.text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counted = {
        (each.labels["endpoint"], each.labels["status"]): each.value for each in families["parrot_requests"].samples
    }
    assert counted == {
        ("chat", "401"): 1, ("chat", "405"): 1, ("/v1/models", "200"): 1, ("/v1/models/", "200"): 1,
        ("/v1/providers/health", "200"): 1, ("unknown", "404"): 1, ("unknown", "401"): 1,
    }  # fmt: skip
    assert "canary" not in text
