"""The official OpenAI SDK against a running sidecar, with only base_url changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.sidecar import start
from tests.drivers import DRIVERS, both_drivers, with_driver
from tests.running import (
    HELLO,
    SHIPPED_CONFIG,
    TWO_PROVIDERS,
    CapturedLog,
    RunningSidecar,
    build_generation,
    run_sidecar,
    startup_options,
)

ROOT = Path(__file__).parent.parent
SIX = {"openai", "anthropic", "google", "mistral", "cohere", "meta"}


@pytest.fixture(params=DRIVERS)
async def two_providers(request: pytest.FixtureRequest) -> AsyncIterator[RunningSidecar]:
    """A running sidecar with two providers, once with middlewares that wait."""
    async with run_sidecar(with_driver(request.param, TWO_PROVIDERS)) as started:
        yield started


async def test_the_async_client_gets_an_answer_with_its_provider(two_providers: RunningSidecar) -> None:
    async with two_providers.client() as client:
        answer = await client.chat.completions.create(model="m", messages=HELLO)
    assert answer.provider in ("first", "second")
    assert answer.model == {"first": "m-one", "second": "m-two"}[answer.provider]
    assert f"Hello from {answer.provider}" in (answer.choices[0].message.content or "")


async def test_the_sync_client_gets_an_answer(two_providers: RunningSidecar) -> None:
    with two_providers.sync_client() as client:
        answer = await asyncio.to_thread(client.chat.completions.create, model="m", messages=HELLO)
    assert answer.choices[0].finish_reason == "stop"


async def test_every_chunk_of_a_stream_has_the_provider(two_providers: RunningSidecar) -> None:
    async with two_providers.client() as client:
        chunks = [chunk async for chunk in await client.chat.completions.create(model="m", messages=HELLO, stream=True)]
    assert len(chunks) > 3
    assert {chunk.provider for chunk in chunks} in ({"first"}, {"second"})
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith("Hello from")
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_a_stream_ends_with_usage_only_if_requested(two_providers: RunningSidecar) -> None:
    async with two_providers.client() as client:
        stream = await client.chat.completions.create(
            model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        *_, last = [chunk async for chunk in stream]
        assert last.usage is not None and last.usage.completion_tokens > 0 and not last.choices
        plain = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        assert all(chunk.usage is None for chunk in [chunk async for chunk in plain])
    assert [line["completion_tokens"] > 0 for line in two_providers.log.lines] == [True, True]


async def test_response_headers_contain_provider_strategy_and_attempts(two_providers: RunningSidecar) -> None:
    async with two_providers.client() as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={"X-Provider": "second", "X-Request-Id": "mine-1"}
        )
    headers = {
        name: raw.headers[f"x-{name}"] for name in ("provider", "provider-model", "provider-region", "request-id")
    }
    assert headers == {
        "provider": "second",
        "provider-model": "m-two",
        "provider-region": "global",
        "request-id": "mine-1",
    }
    assert raw.headers["x-routing-strategy"] == "automatic" and raw.headers["x-provider-attempts"] == "1"
    assert float(raw.headers["x-overhead-ms"]) >= 0


@pytest.mark.parametrize("stream", [False, True])
async def test_requests_fail_over_when_the_provider_stops(two_providers: RunningSidecar, stream: bool) -> None:
    headers = {"X-Provider-Preference": "first"}
    async with two_providers.client(default_headers=headers) as client:

        async def served() -> str:
            answer = await client.chat.completions.create(model="m", messages=HELLO, stream=stream)
            if stream:
                return {chunk.provider async for chunk in answer}.pop()
            return str(answer.provider)

        assert await served() == "first"
        await two_providers.sandbox.stop("first")
        assert await served() == "second"
        await two_providers.sandbox.restore("first")
        assert await served() == "first"
    assert two_providers.log.lines[1]["attempts"] == ["first@global/m-one: connection_error", "second@global/m-two: ok"]


async def test_all_providers_down_is_one_error_that_lists_the_attempts(two_providers: RunningSidecar) -> None:
    await two_providers.sandbox.stop("first")
    await two_providers.sandbox.stop("second")
    async with two_providers.client() as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model="m", messages=HELLO)
    error = caught.value
    assert error.status_code == 502 and error.code == "all_providers_failed"
    assert sorted(each["provider"] for each in error.body["attempts"]) == ["first", "second"]  # type: ignore[index]
    assert len(error.body["attempts"]) < 3 and "x-should-retry" not in error.response.headers  # type: ignore[arg-type, index]


async def test_every_model_of_the_shipped_file_is_served_by_its_providers() -> None:
    async with run_sidecar(SHIPPED_CONFIG) as started, started.client() as client:
        models = started.sidecar.handler.generation.snapshot.models
        for model, targets in models.items():
            for name in {target.provider.name for target in targets}:
                answer = await client.chat.completions.create(
                    model=model, messages=HELLO, extra_headers={"X-Provider": name}
                )
                assert answer.provider == name
        answer = await client.chat.completions.create(model="claude-opus-4-6", messages=HELLO)
        assert (answer.provider, answer.model) == ("anthropic", "claude-opus-4-6")
        answer = await client.chat.completions.create(model="cohere/command-r7b", messages=HELLO)
        assert answer.provider == "cohere" and "command-r7b" in answer.model


CHAT = ("gpt-4-turbo-preview", "gpt-4", "gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo", "claude-3-opus", "claude-3-sonnet",
        "claude-3-haiku", "claude-3-5-sonnet", "gemini-pro")  # fmt: skip
"""The model names used in the documentation of the API."""


async def test_every_documented_model_has_six_providers_and_one_in_the_eu() -> None:
    async with run_sidecar(SHIPPED_CONFIG) as started, started.client() as client:
        models = started.sidecar.handler.generation.snapshot.models
        for model in CHAT:
            assert {target.provider.name for target in models[model]} >= SIX, model
            answer = await client.chat.completions.create(
                model=model, messages=HELLO, extra_headers={"X-Data-Residency": "EU"}
            )
            assert answer.provider == "mistral"


async def test_a_provider_without_its_key_is_disabled_with_the_reason() -> None:
    sidecar = await start(startup_options(build_generation(SHIPPED_CONFIG), CapturedLog()))
    try:
        client = openai.AsyncOpenAI(base_url=f"{sidecar.url}/v1", api_key="any", max_retries=0)
        async with client:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.chat.completions.create(model="gpt-4", messages=HELLO)
    finally:
        await sidecar.stop()
    assert caught.value.code == "no_eligible_provider"
    assert "openai: disabled, OPENAI_API_KEY is not set" in str(caught.value)


async def send_requests(started: RunningSidecar, count: int = 150) -> dict[str, int]:
    """Send that many requests and count them by provider. The request ids, and so the routes, are the same each time."""
    served: Counter[str] = Counter()
    async with started.client() as client:
        for number in range(count):
            answer = await client.chat.completions.create(
                model="m", messages=HELLO, extra_headers={"X-Request-Id": f"call-{number}"}
            )
            served[answer.provider] += 1
    return served


def open_connections(started: RunningSidecar) -> list[Any]:
    """Return the open connections of the first provider."""
    return list(started.sandbox._providers["first"].port._server.connections)  # type: ignore[union-attr]


@both_drivers
async def test_an_edited_weight_changes_the_shares_without_dropping_requests(driver: str) -> None:
    async with run_sidecar(with_driver(driver, TWO_PROVIDERS)) as started:
        before = await send_requests(started)
        assert 55 <= before["first"] <= 95
        connections, during = open_connections(started), asyncio.create_task(send_requests(started))
        while len(started.log.lines) < 200:
            await asyncio.sleep(0)
        await started.edit('/v1", weight: 1}\n  second', '/v1", weight: 9}\n  second')
        assert sum((await during).values()) == 150
        after = await send_requests(started)
        assert after["first"] >= 120 and sum(after.values()) == 150
        assert {line["outcome"] for line in started.log.lines if line["event"] == "request_completed"} == {"ok"}
        assert connections and open_connections(started) == connections  # all were reused
        assert "providers.first.weight: 1 -> 9" in [
            change for line in started.log.lines for change in line.get("changes", ())
        ]


async def test_an_invalid_file_is_logged_with_its_position_and_changes_nothing(two_providers: RunningSidecar) -> None:
    before = await send_requests(two_providers, 20)
    await two_providers.edit("weight: 1}", "weight: [}")
    assert await send_requests(two_providers, 20) == before
    (line,) = [line for line in two_providers.log.lines if line["event"] != "request_completed"]
    assert line["event"] == "config_reload_failed" and line["problems"][0].startswith(
        "routing.yaml:4:72: invalid YAML: "
    )


@both_drivers
async def test_a_stream_ends_on_its_own_generation_after_three_reloads(driver: str) -> None:
    marked = TWO_PROVIDERS.replace("[access_log,", "[access_log, {'tests.running:LogMarker': {name: zero}},")
    async with run_sidecar(with_driver(driver, marked)) as started, started.client() as client:
        await started.hold_streams()
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        for old, new in [("zero", "one"), ("one}", "two}"), ("m-one, second: m-two", "m-new, second: m-newer")]:
            await started.edit(old, new)
        assert started.sidecar.handler.generation.number == 4
        started.pace.release()
        chunks = [chunk async for chunk in stream]
        assert chunks[-1].choices[0].finish_reason == "stop" and {chunk.model for chunk in chunks} < {"m-one", "m-two"}
        answer = await client.chat.completions.create(model="m", messages=HELLO)
        assert answer.model in ("m-new", "m-newer")
        await started.sidecar.handler.wait_idle()
    assert [line["name"] for line in started.log.lines if line["event"] == "marked"] == ["zero", "two"]
