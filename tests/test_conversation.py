"""One conversation that a different provider goes on with at every turn."""

from __future__ import annotations

from itertools import cycle, islice, permutations
from typing import Any

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers, tool

TOOLS = [tool("get_weather", city={"type": "string"}), tool("naïve.lookup/v1", größe={"type": "integer"})]
SYSTEM = {"role": "system", "content": "Antworte kurz. 简短 🦜"}
# The simulations call whatever tool the user names; two of the names are what providers with narrower rules are told.
BOTH = "Was sagen get_weather und naïve.lookup/v1 (na_ve_lookup_v1, na_ve.lookup_v1) zu Zürich, 東京 und 🦜?"
ONE = "get_weather für Łódź, bitte"


STRICT = ("openai", "anthropic", "google", "mistral", "cohere")
"""Those who refuse a member that they do not know, such as the one that carries Gemini's signatures."""


def heard(sidecar: RunningSidecar, provider: str) -> list[bytes]:
    return [call.body for call in sidecar.sandbox.requests(provider)]


async def ask(client: openai.AsyncOpenAI, provider: str, messages: list[Any], stream: bool) -> Any:
    """The answer's message, whole or put together from a stream as the SDK does it."""
    options: dict[str, Any] = {"model": "m", "messages": messages, "tools": TOOLS}
    options["extra_headers"] = {"X-Provider": provider}
    if not stream:
        answer = await client.chat.completions.create(**options)
    else:
        state = ChatCompletionStreamState()
        chunks = [chunk async for chunk in await client.chat.completions.create(**options, stream=True)]
        for chunk in chunks:
            state.handle_chunk(chunk)
        assert {chunk.provider for chunk in chunks} == {provider}
        answer = state.get_final_completion()
    assert answer.provider == provider
    choice = answer.choices[0]
    assert choice.finish_reason == ("tool_calls" if choice.message.tool_calls else "stop")
    return choice.message


def results(message: Any) -> list[dict[str, Any]]:
    return [
        {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name}: 21 °C ☀"}
        for call in message.tool_calls
    ]


def said(message: Any) -> dict[str, Any]:
    """What a client puts back: all that it was given."""
    return message.model_dump(exclude_none=True)  # type: ignore[no-any-return]


async def converse(sidecar: RunningSidecar, order: list[str], stream: bool) -> list[Any]:
    """Each turn the next provider: it calls tools, another reads their results, a third is asked something else."""
    messages: list[Any] = [SYSTEM]
    async with sidecar.client() as client:
        for turn, provider in enumerate(order):
            if messages[-1]["role"] != "tool":
                messages.append({"role": "user", "content": ["Grüß dich! 👋", BOTH, ONE][turn % 3]})
            message = await ask(client, provider, messages, stream)
            messages += [said(message), *(results(message) if message.tool_calls else [])]
    return messages


@pytest.mark.parametrize("stream", [False, True])
async def test_ten_turns_go_round_all_six(stream: bool) -> None:
    async with run_sidecar(six_providers()) as sidecar:
        for start in range(3):  # every provider gets every kind of turn
            order = list(islice(cycle(PROVIDERS), start, start + 10))
            messages = await converse(sidecar, order, stream)
            called = [call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()]
            assert {"get_weather", "naïve.lookup/v1"} == set(called)
            ids = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
            assert len(ids) == len(set(ids))
        assert [line["attempts"] for line in sidecar.log.lines if line["outcome"] != "ok"] == []
        assert any(b"extra_content" in asked for asked in heard(sidecar, "meta"))
        assert [name for name in STRICT for asked in heard(sidecar, name) if b"extra_content" in asked] == []


@pytest.mark.parametrize("stream", [False, True])
async def test_whoever_calls_tools_anyone_can_read_their_results(stream: bool) -> None:
    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        for caller, reader in permutations(PROVIDERS, 2):
            messages: list[Any] = [SYSTEM, {"role": "user", "content": BOTH}]
            message = await ask(client, caller, messages, stream)
            assert len(message.tool_calls) == 2, caller
            messages += [said(message), *results(message)]
            answer = await ask(client, reader, messages, stream)
            assert "21 °C ☀" in answer.content, (caller, reader)
