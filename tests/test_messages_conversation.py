"""Anthropic's SDK, strict, holds a conversation with tools in which any of six providers serves any turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from typing import Any

import anthropic
import pytest
from anthropic.types import Message, MessageParam

from tests.ingress.anthropic_messages.golden import message_of
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

TOOLS: Any = [
    {
        "name": "get_weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
    {
        "name": "look_up",
        "description": "Looks",
        "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
    },
]
SYSTEM: Any = [{"type": "text", "text": "Antworte kurz. 🦜", "cache_control": {"type": "ephemeral"}}]
QUESTIONS = ["Grüß dich! 👋", "Was sagen get_weather und look_up zu Zürich?", "get_weather für Łódź, bitte"]


@asynccontextmanager
async def sdk(sidecar: RunningSidecar) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key="any", base_url=sidecar.url, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


async def ask(client: anthropic.AsyncAnthropic, provider: str, messages: list[MessageParam], stream: bool) -> Message:
    """Return the answer, every event of which is valid for the SDK's types."""
    options: dict[str, Any] = {"model": "m", "max_tokens": 2000, "messages": messages, "tools": TOOLS, "system": SYSTEM}
    options |= {"thinking": {"type": "adaptive"}, "extra_headers": {"X-Provider": provider}}
    if not stream:
        answer = await client.messages.create(**options)
        return Message.model_validate(answer.to_dict(), extra="forbid")
    raw = await client.messages.with_raw_response.create(**options, stream=True)
    return Message.model_validate(message_of(await raw.http_response.aread()), extra="forbid")


def results(message: Message) -> list[MessageParam]:
    calls = [block for block in message.content if block.type == "tool_use"]
    blocks: Any = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"{call.name}: 21 °C ☀"} for call in calls
    ]
    return [{"role": "user", "content": blocks}] if blocks else []


async def converse(client: anthropic.AsyncAnthropic, order: list[str], stream: bool) -> list[Message]:
    """Send each turn to the next provider, with what the earlier ones answered."""
    messages: list[MessageParam] = []
    answers = []
    for turn, provider in enumerate(order):
        if not messages or messages[-1]["role"] != "user":
            messages.append({"role": "user", "content": QUESTIONS[turn % 3]})
        answer = await ask(client, provider, messages, stream)
        answers.append(answer)
        messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})  # type: ignore[misc]
        messages += results(answer)
        assert answer.stop_reason == ("tool_use" if results(answer) else "end_turn"), provider
        assert answer.usage.input_tokens and answer.usage.output_tokens, provider
    return answers


@pytest.mark.parametrize("stream", [False, True])
async def test_ten_turns_alternate_between_all_six_providers(stream: bool) -> None:
    async with run_sidecar(six_providers()) as sidecar, sdk(sidecar) as client:
        for start in range(3):  # every provider gets every kind of turn
            answers = await converse(client, list(islice(cycle(PROVIDERS), start, start + 10)), stream)
            called = {block.name for answer in answers for block in answer.content if block.type == "tool_use"}
            assert called == {"get_weather", "look_up"}
        assert [line for line in sidecar.log.lines if line["outcome"] != "ok"] == []
        google = [call.body for call in sidecar.sandbox.requests("google")]
        assert any(b"thoughtSignature" in body for body in google)
        assert [body for body in google if b'"parrot.' in body] == []
        assert all(call.path == "/v1/messages" for call in sidecar.sandbox.requests("anthropic"))
