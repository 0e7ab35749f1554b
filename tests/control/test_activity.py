"""`GET /v1/providers/activity`: failovers, totals and the active table; no message text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from tests.running import TWO_PROVIDERS, RunningSidecar, run_sidecar

PROMPT = "canary-of-the-prompt"


@pytest.fixture
async def two() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(TWO_PROVIDERS.replace("m: {", '"p-*": {second: "*"}\n  m: {')) as started:
        yield started


async def ask(started: RunningSidecar, expect: int = 200, **headers: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
    url = f"{started.url}/v1/chat/completions"
    async with aiohttp.ClientSession(headers=headers) as http, http.post(url, json=body) as answer:
        assert answer.status == expect
        await answer.read()
    await started.sidecar.handler.wait_idle()


async def get_report(started: RunningSidecar) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"{started.url}/v1/providers/activity") as answer:
        assert answer.status == 200
        return await answer.json()


async def test_a_request_without_failover_is_counted_and_not_listed(two: RunningSidecar) -> None:
    await ask(two)
    report = await get_report(two)
    assert (report["requests"], report["failover_count"], report["failovers"]) == (1, 0, [])


async def test_a_failover_is_listed_with_each_attempt_and_its_outcome(two: RunningSidecar) -> None:
    await two.sandbox.stop("first")
    await ask(two, **{"X-Request-Id": "mine", "X-Provider-Preference": "first"})
    [row] = (await get_report(two))["failovers"]
    assert (row["request_id"], row["model"], row["outcome"]) == ("mine", "m", "ok")
    assert [(each["provider"], each["outcome"]) for each in row["attempts"]] == [
        ("first", "connection_error"), ("second", "ok"),
    ]  # fmt: skip


async def test_a_failed_request_is_listed_with_its_error_code(two: RunningSidecar) -> None:
    await two.sandbox.stop("first")
    await two.sandbox.stop("second")
    await ask(two, expect=502)
    [row] = (await get_report(two))["failovers"]
    assert row["outcome"] == "all_providers_failed" and len(row["attempts"]) >= 2


async def test_it_contains_no_message_text(two: RunningSidecar) -> None:
    await two.sandbox.stop("first")
    await ask(two, Authorization="Bearer canary-of-the-caller", **{"X-Provider-Preference": "first"})
    assert "canary" not in str(await get_report(two))


async def test_the_active_table_lists_names_patterns_and_their_providers(two: RunningSidecar) -> None:
    report = await get_report(two)
    generation = two.sidecar.handler.generation
    assert report["models"] == [
        {"name": "m", "providers": [{"name": "first", "model": "m-one", "regions": ["global"]},
                                    {"name": "second", "model": "m-two", "regions": ["global"]}]},
        {"name": "p-*", "providers": [{"name": "second", "model": "*", "regions": ["global"]}]},
    ]  # fmt: skip
    assert report["routing"]["hash"] == generation.digest and report["routing"]["generation"] == 1
    assert report["routing"]["loaded_at"] >= report["since"]


async def test_a_reload_shows_at_once(two: RunningSidecar) -> None:
    handler = two.sidecar.handler
    handler.activate(replace(handler.generation, number=7))
    assert (await get_report(two))["routing"]["generation"] == 7
