"""What an application sees: the official SDK, and nothing but its base_url changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import openai
import pytest

from proxy.sidecar import start
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


async def test_the_async_client_gets_an_answer_and_learns_who_gave_it(two_providers: RunningSidecar) -> None:
    async with two_providers.client() as client:
        answer = await client.chat.completions.create(model="m", messages=HELLO)
    assert answer.provider in ("first", "second")
    assert answer.model == {"first": "m-one", "second": "m-two"}[answer.provider]
    assert f"Hello from {answer.provider}" in (answer.choices[0].message.content or "")


async def test_the_sync_client_gets_an_answer_too(two_providers: RunningSidecar) -> None:
    with two_providers.sync_client() as client:
        answer = await asyncio.to_thread(client.chat.completions.create, model="m", messages=HELLO)
    assert answer.choices[0].finish_reason == "stop"


async def test_a_stream_arrives_chunk_by_chunk_with_its_provider_in_each(two_providers: RunningSidecar) -> None:
    async with two_providers.client() as client:
        chunks = [chunk async for chunk in await client.chat.completions.create(model="m", messages=HELLO, stream=True)]
    assert len(chunks) > 3
    assert {chunk.provider for chunk in chunks} in ({"first"}, {"second"})
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith("Hello from")
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_usage_comes_at_the_end_of_a_stream_only_if_it_was_asked_for(two_providers: RunningSidecar) -> None:
    async with two_providers.client() as client:
        asked = await client.chat.completions.create(
            model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        *_, last = [chunk async for chunk in asked]
        assert last.usage is not None and last.usage.completion_tokens > 0 and not last.choices
        plain = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        assert all(chunk.usage is None for chunk in [chunk async for chunk in plain])
    assert [line["completion_tokens"] > 0 for line in two_providers.log.lines] == [True, True]


async def test_the_answers_headers_say_who_served_and_how(two_providers: RunningSidecar) -> None:
    async with two_providers.client() as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={"X-Provider": "second", "X-Request-Id": "mine-1"}
        )
    told = {name: raw.headers[f"x-{name}"] for name in ("provider", "provider-model", "provider-region", "request-id")}
    assert told == {
        "provider": "second",
        "provider-model": "m-two",
        "provider-region": "global",
        "request-id": "mine-1",
    }
    assert raw.headers["x-routing-strategy"] == "automatic" and raw.headers["x-provider-attempts"] == "1"
    assert float(raw.headers["x-overhead-ms"]) >= 0


@pytest.mark.parametrize("stream", [False, True])
async def test_stopping_the_provider_that_serves_goes_unnoticed(two_providers: RunningSidecar, stream: bool) -> None:
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


async def test_all_providers_down_is_one_error_that_says_what_was_tried(two_providers: RunningSidecar) -> None:
    await two_providers.sandbox.stop("first")
    await two_providers.sandbox.stop("second")
    async with two_providers.client() as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model="m", messages=HELLO)
    error = caught.value
    assert error.status_code == 502 and error.code == "all_providers_failed"
    assert sorted(each["provider"] for each in error.body["attempts"]) == ["first", "second"]  # type: ignore[index]
    assert error.response.headers["x-should-retry"] == "false"


async def test_every_name_in_the_shipped_file_is_served_by_whom_it_says() -> None:
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
"""The names that the documentation asks for."""


async def test_every_chat_name_can_be_served_by_six_providers_and_in_the_european_union() -> None:
    async with run_sidecar(SHIPPED_CONFIG) as started, started.client() as client:
        models = started.sidecar.handler.generation.snapshot.models
        for model in CHAT:
            assert {target.provider.name for target in models[model]} >= SIX, model
            answer = await client.chat.completions.create(
                model=model, messages=HELLO, extra_headers={"X-Data-Residency": "EU"}
            )
            assert answer.provider == "mistral"


async def test_a_provider_without_its_key_is_disabled_and_says_so() -> None:
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


async def test_the_readmes_example_runs_as_pasted(two_providers: RunningSidecar) -> None:
    readme = (ROOT / "README.md").read_text()
    code = readme.split("```python\n", 1)[1].split("```", 1)[0]
    assert "http://127.0.0.1:8090/v1" in code
    pasted = code.replace("http://127.0.0.1:8090", two_providers.url).replace('"gpt-4-turbo-preview"', '"m"')
    said: list[str] = []
    run = compile(pasted, "README.md", "exec")
    await asyncio.to_thread(exec, run, {"print": lambda *words, **_: said.append(" ".join(map(str, words)))})
    assert "Hello from" in "".join(said)


async def calls(started: RunningSidecar, count: int = 150) -> dict[str, int]:
    """Who served so many calls in a row; their ids, and so their routes, are the same each time."""
    served: Counter[str] = Counter()
    async with started.client() as client:
        for number in range(count):
            answer = await client.chat.completions.create(
                model="m", messages=HELLO, extra_headers={"X-Request-Id": f"call-{number}"}
            )
            served[answer.provider] += 1
    return served


def kept(started: RunningSidecar) -> list[Any]:
    """The open connections at the first provider."""
    return list(started.sandbox._providers["first"].port._server.connections)  # type: ignore[union-attr]


async def test_an_edited_weight_moves_the_shares_while_calls_go_on() -> None:
    async with run_sidecar() as started:
        before = await calls(started)
        assert 55 <= before["first"] <= 95
        connections, during = kept(started), asyncio.create_task(calls(started))
        while len(started.log.lines) < 200:
            await asyncio.sleep(0)
        await started.edit('/v1", weight: 1}\n  second', '/v1", weight: 9}\n  second')
        assert sum((await during).values()) == 150
        after = await calls(started)
        assert after["first"] >= 120 and sum(after.values()) == 150
        assert {line["outcome"] for line in started.log.lines if line["event"] == "request_completed"} == {"ok"}
        assert connections and kept(started) == connections  # none was made anew
        assert "providers.first.weight: 1 -> 9" in [
            change for line in started.log.lines for change in line.get("changes", ())
        ]


async def test_a_broken_file_is_told_with_line_and_column_while_calls_go_on(two_providers: RunningSidecar) -> None:
    before = await calls(two_providers, 20)
    await two_providers.edit("weight: 1}", "weight: [}")
    assert await calls(two_providers, 20) == before
    (line,) = [line for line in two_providers.log.lines if line["event"] != "request_completed"]
    assert line["event"] == "config_reload_failed" and line["problems"][0].startswith(
        "routing.yaml:4:72: invalid YAML: "
    )


async def test_a_stream_that_began_before_three_reloads_ends_whole_as_it_began() -> None:
    marked = TWO_PROVIDERS.replace("[access_log,", "[access_log, {'tests.running:LogMarker': {name: zero}},")
    async with run_sidecar(marked) as started, started.client() as client:
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
