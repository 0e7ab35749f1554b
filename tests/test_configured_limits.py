"""Limits of routing.yaml hold for concurrent requests, and a request without room is a 429 that says for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import openai
import pytest

from proxy.sandbox.scenario import Fault
from tests.running import HELLO, RunningSidecar, run_sidecar

FILE = """
pipeline: [access_log, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1, limits: {FIRST}}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1", weight: 1, limits: {SECOND}}
models:
  m: {first: m-one}
  both: {first: m-one, second: m-two}
  own: {second: {model: m-three, limits: {requests_per_minute: 1}}, first: m-one}
"""


def file(first: str = "", second: str = "") -> str:
    return FILE.replace("FIRST", first).replace("SECOND", second)


async def ask(running: RunningSidecar, model: str = "m", **members: Any) -> tuple[int, dict[str, str], Any]:
    """Return status, headers in lower case and body of a chat that prefers the first provider."""
    body = {"model": model, "messages": HELLO, **members}
    preferred = {"X-Provider-Preference": "first,second"}
    async with aiohttp.request("POST", f"{running.url}/v1/chat/completions", json=body, headers=preferred) as answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.json()


async def statuses(running: RunningSidecar, count: int, model: str = "m") -> list[int]:
    return sorted([each[0] for each in await asyncio.gather(*(ask(running, model) for _ in range(count)))])


async def test_of_eight_requests_at_once_a_concurrency_of_two_lets_two_pass() -> None:
    async with run_sidecar(file("concurrency: 2")) as running:
        assert await statuses(running, 8) == [200] * 2 + [429] * 6
        assert await statuses(running, 2) == [200] * 2  # both have ended


async def test_a_stream_holds_its_place_until_it_ends() -> None:
    async with run_sidecar(file("concurrency: 1")) as running, running.client() as client:
        await running.hold_streams()
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        assert (await ask(running))[0] == 429
        await running.sandbox.set_fault("first", None)
        running.pace.release()
        async for _ in stream:
            pass
        assert (await ask(running))[0] == 200


async def test_over_the_requests_of_a_minute_the_answer_is_a_429_with_the_time_to_wait() -> None:
    async with run_sidecar(file("requests_per_minute: 2")) as running:
        assert await statuses(running, 5) == [200] * 2 + [429] * 3
        status, headers, body = await ask(running)
        error = body["error"]
        assert (status, error["code"]) == (429, "rate_limit_exceeded")
        assert 50 <= int(headers["retry-after"]) <= 61 and headers["x-provider-attempts"] == "0"
        assert "requests_per_minute of first" in error["message"] and "routing.yaml" in error["message"]
        async with running.client() as client:
            with pytest.raises(openai.RateLimitError):
                await client.chat.completions.create(model="m", messages=HELLO)
        assert len(running.sandbox.requests("first")) == 2


async def test_where_another_provider_has_room_it_serves() -> None:
    async with run_sidecar(file("concurrency: 2", "requests_per_minute: 3")) as running:
        assert await statuses(running, 8, "both") == [200] * 5 + [429] * 3


async def test_a_target_may_have_a_limit_of_its_own() -> None:
    async with run_sidecar(file("requests_per_minute: 1")) as running:
        served = [(await ask(running, "own"))[1].get("x-provider") for _ in range(3)]
        assert sorted(served, key=str) == ["None", "first", "second"] or served == ["first", "second", None]


async def test_the_tokens_of_an_answer_count_as_the_provider_counted_them() -> None:
    async with run_sidecar(file("tokens_per_minute: 1000")) as running:
        # More than the whole limit passes alone. What it did not use is given back.
        assert (await ask(running, max_tokens=5000))[0] == 200
        assert (await ask(running, max_tokens=100))[0] == 200
        status, headers, body = await ask(running, max_tokens=5000)
        assert status == 429 and "tokens_per_minute of first" in body["error"]["message"]
        assert 1 <= int(headers["retry-after"]) <= 61


async def test_a_dry_run_takes_nothing_and_shows_the_limit() -> None:
    async with run_sidecar(file("requests_per_minute: 1")) as running:

        async def dry_run() -> Any:
            body = {"model": "m", "messages": HELLO}
            async with aiohttp.request("POST", f"{running.url}/v1/route", json=body) as answer:
                return (await answer.json())["plan"]

        for _ in range(3):
            assert "available_in_ms" not in (await dry_run())[0]
        assert (await ask(running))[0] == 200
        assert 0 < (await dry_run())[0]["available_in_ms"] <= 61_000


async def test_a_request_that_fails_at_the_provider_has_used_no_tokens() -> None:
    async with run_sidecar(file("tokens_per_minute: 100")) as running:
        await running.sandbox.set_fault("first", Fault("status", status=400))
        for _ in range(3):
            assert (await ask(running, max_tokens=100))[0] == 400
