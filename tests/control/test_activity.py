"""What the sidecar did so far, over its API: second tries, totals, the table in force; nothing of what was said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from tests.running import TWO_PROVIDERS, RunningSidecar, run_sidecar

SAID = "canary-of-the-prompt"


@pytest.fixture
async def two() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(TWO_PROVIDERS.replace("m: {", '"p-*": {second: "*"}\n  m: {')) as started:
        yield started


async def ask(started: RunningSidecar, expect: int = 200, **headers: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": SAID}]}
    url = f"{started.url}/v1/chat/completions"
    async with aiohttp.ClientSession(headers=headers) as http, http.post(url, json=body) as answer:
        assert answer.status == expect
        await answer.read()
    await started.sidecar.handler.wait_idle()


async def seen(started: RunningSidecar) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"{started.url}/v1/providers/activity") as answer:
        assert answer.status == 200
        return await answer.json()


async def test_a_request_served_at_once_is_counted_and_not_listed(two: RunningSidecar) -> None:
    await ask(two)
    report = await seen(two)
    assert (report["requests"], report["rescued"], report["failovers"]) == (1, 0, [])


async def test_a_second_try_is_listed_with_who_failed_and_how(two: RunningSidecar) -> None:
    await two.sandbox.stop("first")
    await ask(two, **{"X-Request-Id": "mine", "X-Provider-Preference": "first"})
    [row] = (await seen(two))["failovers"]
    assert (row["request_id"], row["model"], row["outcome"]) == ("mine", "m", "ok")
    assert [(each["provider"], each["outcome"]) for each in row["attempts"]] == [
        ("first", "connection_error"), ("second", "ok"),
    ]  # fmt: skip


async def test_a_request_that_nobody_served_says_what_the_caller_got(two: RunningSidecar) -> None:
    await two.sandbox.stop("first")
    await two.sandbox.stop("second")
    await ask(two, expect=502)
    [row] = (await seen(two))["failovers"]
    assert row["outcome"] == "all_providers_failed" and len(row["attempts"]) >= 2


async def test_nothing_of_what_was_said_is_in_it(two: RunningSidecar) -> None:
    await two.sandbox.stop("first")
    await ask(two, Authorization="Bearer canary-of-the-caller", **{"X-Provider-Preference": "first"})
    assert "canary" not in str(await seen(two))


async def test_the_table_in_force_has_names_patterns_and_who_serves_them(two: RunningSidecar) -> None:
    report = await seen(two)
    generation = two.sidecar.handler.generation
    assert report["models"] == [
        {"name": "m", "providers": [{"name": "first", "model": "m-one", "regions": ["global"]},
                                    {"name": "second", "model": "m-two", "regions": ["global"]}]},
        {"name": "p-*", "providers": [{"name": "second", "model": "*", "regions": ["global"]}]},
    ]  # fmt: skip
    assert report["routing"]["hash"] == generation.digest and report["routing"]["generation"] == 1
    assert report["routing"]["loaded_at"] >= report["since"]


async def test_another_file_in_force_is_seen_at_once(two: RunningSidecar) -> None:
    front = two.sidecar.handler
    front.activate(replace(front.generation, number=7))
    assert (await seen(two))["routing"]["generation"] == 7
