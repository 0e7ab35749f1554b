"""A conversation works when another provider serves every turn."""

from __future__ import annotations

from itertools import cycle, islice, permutations
from typing import Any

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers, tool

TOOLS = [tool("get_weather", city={"type": "string"}), tool("naïve.lookup/v1", size={"type": "integer"})]
SYSTEM = {"role": "system", "content": "Antworte kurz. 简短 🦜"}
# The simulated providers call the tools that the user names; the names in parentheses are what providers with stricter
# naming rules receive.
BOTH = "Was sagen get_weather und naïve.lookup/v1 (na_ve_lookup_v1, na_ve.lookup_v1) zu Zürich, 東京 und 🦜?"
ONE = "get_weather für Łódź, bitte"


def received_bodies(sidecar: RunningSidecar, provider: str) -> list[bytes]:
    return [call.body for call in sidecar.sandbox.requests(provider)]


async def send_turn(client: openai.AsyncOpenAI, provider: str, messages: list[Any], stream: bool) -> Any:
    """Return the answer's message; a streamed one is assembled by the SDK."""
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


def history_entry(message: Any) -> dict[str, Any]:
    """Return the message as clients put it into the history: with every member that they received."""
    return message.model_dump(exclude_none=True)  # type: ignore[no-any-return]


async def converse(sidecar: RunningSidecar, order: list[str], stream: bool) -> list[Any]:
    """Send each turn to the next provider: one calls tools, the next gets the results, a third a new question."""
    messages: list[Any] = [SYSTEM]
    async with sidecar.client() as client:
        for turn, provider in enumerate(order):
            if messages[-1]["role"] != "tool":
                messages.append({"role": "user", "content": ["Grüß dich! 👋", BOTH, ONE][turn % 3]})
            message = await send_turn(client, provider, messages, stream)
            messages += [history_entry(message), *(results(message) if message.tool_calls else [])]
    return messages


@pytest.mark.parametrize("stream", [False, True])
async def test_ten_turns_alternate_between_all_six_providers(stream: bool) -> None:
    async with run_sidecar(six_providers()) as sidecar:
        for start in range(3):  # every provider gets every kind of turn
            order = list(islice(cycle(PROVIDERS), start, start + 10))
            messages = await converse(sidecar, order, stream)
            called = [call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()]
            assert {"get_weather", "naïve.lookup/v1"} == set(called)
            ids = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
            assert len(ids) == len(set(ids))
        assert [line["attempts"] for line in sidecar.log.lines if line["outcome"] != "ok"] == []
        assert any(b"thoughtSignature" in body for body in received_bodies(sidecar, "google"))
        assert [name for name in PROVIDERS for body in received_bodies(sidecar, name) if b"extra_content" in body] == []


@pytest.mark.parametrize("stream", [False, True])
async def test_any_provider_can_read_the_tool_results_of_any_other(stream: bool) -> None:
    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        for caller, reader in permutations(PROVIDERS, 2):
            messages: list[Any] = [SYSTEM, {"role": "user", "content": BOTH}]
            message = await send_turn(client, caller, messages, stream)
            assert len(message.tool_calls) == 2, caller
            messages += [history_entry(message), *results(message)]
            answer = await send_turn(client, reader, messages, stream)
            assert "21 °C ☀" in answer.content, (caller, reader)
