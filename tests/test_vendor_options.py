"""Parameters that only some vendors have reach those in their words, and break no other: caching, sampling, tiers, prediction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest

from tests.running import HELLO, RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers, tool

MARK = {"cache_control": {"type": "ephemeral"}}
OTHERS = sorted(PROVIDERS.keys() - {"anthropic"})


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(six_providers()) as started:
        yield started


async def ask(sidecar: RunningSidecar, provider: str, messages: list[Any] = HELLO, **members: Any) -> Any:
    async with sidecar.client() as client:
        return await client.chat.completions.with_raw_response.create(
            model="m", messages=messages, extra_headers={"X-Provider": provider}, extra_body=members
        )


def sent(sidecar: RunningSidecar, provider: str) -> dict[str, Any]:
    return orjson.loads(sidecar.sandbox.requests(provider)[-1].body)  # type: ignore[no-any-return]


def marked(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each object with a mark."""
    if isinstance(value, dict):
        if "cache_control" in value:
            yield path
        for name, each in value.items():
            yield from marked(each, f"{path}.{name}")
    for index, each in enumerate(value if isinstance(value, list) else ()):
        yield from marked(each, f"{path}.{index}")


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CONVERSATION = [
    {"role": "system", "content": "Be brief.", **MARK},
    {"role": "user", "content": [{"type": "text", "text": "Call f"}, {"type": "text", "text": "now", **MARK}]},
    {"role": "assistant", "content": "I do.", "tool_calls": [CALL], **MARK},
    {"role": "tool", "tool_call_id": "call_1", "content": "x", **MARK},
    {"role": "user", "content": "Hello"},
]
TOOLS = [{**tool("f"), **MARK}, {"type": "function", "function": {**tool("g")["function"], **MARK}}]


async def test_anthropic_gets_marks_where_the_caller_set_them(sidecar: RunningSidecar) -> None:
    raw = await ask(sidecar, "anthropic", CONVERSATION)
    assert sorted(marked(sent(sidecar, "anthropic"))) == [
        ".messages.0.content.1",
        ".messages.1.content.1",
        ".messages.2.content.0",
        ".system.0",
    ]
    assert raw.parse().usage.prompt_tokens_details.cached_tokens > 0


async def test_the_mark_of_the_request_is_one_of_the_four(sidecar: RunningSidecar) -> None:
    await ask(sidecar, "anthropic", CONVERSATION, tools=TOOLS, **MARK)
    found = sorted(marked(sent(sidecar, "anthropic")))
    assert found == ["", ".messages.0.content.1", ".messages.1.content.1", ".messages.2.content.0"]


@pytest.mark.parametrize("provider", OTHERS)
async def test_no_other_provider_gets_a_mark(sidecar: RunningSidecar, provider: str) -> None:
    raw = await ask(sidecar, provider, CONVERSATION, tools=TOOLS, **MARK)
    assert list(marked(sent(sidecar, provider))) == [] and "x-routing-warnings" not in raw.headers


async def test_a_host_that_reads_marks_gets_them() -> None:
    file = """
providers: {host: {dialect: compatible, base_url: "http://127.0.0.1:1/v1"}}
models: {m: {host: anthropic/claude-sonnet-4.6}}
"""
    async with run_sidecar(file) as started, started.client() as client:
        with pytest.raises(Exception, match="unsupported"):  # as the simulated host is one of those that do not
            await client.chat.completions.create(model="m", messages=HELLO, tools=TOOLS, extra_body=MARK)
        assert list(marked(sent(started, "host"))) == ["", ".tools.0", ".tools.1.function"]


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("anthropic", ("top_k",)),
        ("google", ("generationConfig", "topK")),
        ("mistral", ("top_k",)),
        ("cohere", ("k",)),
        ("meta", ("top_k",)),
    ],
)
async def test_top_k_has_each_providers_name(sidecar: RunningSidecar, provider: str, path: tuple[str, ...]) -> None:
    raw = await ask(sidecar, provider, top_k=42)
    value: Any = sent(sidecar, provider)
    for name in path:
        value = value[name]
    assert value == 42 and "x-routing-warnings" not in raw.headers


async def test_top_k_is_dropped_where_it_is_refused(sidecar: RunningSidecar) -> None:
    raw = await ask(sidecar, "openai", top_k=42)
    assert raw.headers["x-routing-warnings"] == "param-dropped;name=top_k"
    raw = await ask(sidecar, "anthropic", top_k=42, reasoning_effort="high")
    assert "param-dropped;name=top_k" in raw.headers["x-routing-warnings"]
    assert "top_k" not in sent(sidecar, "anthropic")


PREDICTION = {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("openai", PREDICTION),
        ("mistral", {"type": "content", "content": "ab"}),
        *((provider, None) for provider in ("anthropic", "google", "cohere")),
    ],
)
async def test_a_prediction_reaches_who_has_them(sidecar: RunningSidecar, provider: str, expected: Any) -> None:
    raw = await ask(sidecar, provider, prediction=PREDICTION)
    assert sent(sidecar, provider).get("prediction") == expected and "x-routing-warnings" not in raw.headers


@pytest.mark.parametrize(
    ("provider", "tier", "name", "value"),
    [
        ("openai", "flex", "service_tier", "flex"),
        ("anthropic", "auto", "service_tier", "auto"),
        ("anthropic", "default", "service_tier", "standard_only"),
        ("google", "flex", "serviceTier", "flex"),
        ("google", "priority", "serviceTier", "priority"),
        ("google", "default", "serviceTier", "standard"),
        ("mistral", "default", "service_tier", "standard_only"),
    ],
)
async def test_a_service_tier_has_each_providers_name(
    sidecar: RunningSidecar, provider: str, tier: str, name: str, value: str
) -> None:
    raw = await ask(sidecar, provider, service_tier=tier)
    assert sent(sidecar, provider)[name] == value and "x-routing-warnings" not in raw.headers


@pytest.mark.parametrize("provider", ["anthropic", "mistral", "cohere"])
async def test_a_tier_that_a_provider_does_not_have_is_dropped_with_a_warning(
    sidecar: RunningSidecar, provider: str
) -> None:
    raw = await ask(sidecar, provider, service_tier="flex")
    assert raw.headers["x-routing-warnings"] == "param-dropped;name=service_tier"


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
async def test_the_tier_that_served_comes_back(sidecar: RunningSidecar, provider: str) -> None:
    assert (await ask(sidecar, provider)).parse().service_tier == "default"
    async with sidecar.client() as client:
        stream = await client.chat.completions.create(
            model="m", messages=HELLO, stream=True, extra_headers={"X-Provider": provider}
        )
        assert {chunk.service_tier async for chunk in stream} == {"default"}
