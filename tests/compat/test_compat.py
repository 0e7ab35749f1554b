"""What libraries send is served by every provider, in whole and streamed. `make compat` records it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.compat.recorded import FOLDER
from tests.running import run_sidecar
from tests.six_providers import PROVIDERS, six_providers

RECORDED = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.json"))}
CHAT = [name for name, body in RECORDED.items() if "messages" in body]
RESPONSES = [name for name, body in RECORDED.items() if "input" in body]


def answers(message: Any) -> list[Any]:
    """Return what a message has of JSON: its content, or the arguments of its calls."""
    if message.tool_calls:
        return [json.loads(call.function.arguments) for call in message.tool_calls]
    return [json.loads(message.content)]


@pytest.mark.parametrize("name", CHAT)
async def test_every_provider_answers_with_the_object(name: str) -> None:
    body = {member: value for member, value in RECORDED[name].items() if member != "stream"}
    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        for provider in PROVIDERS:
            only = {"X-Provider": provider}
            answer = await client.chat.completions.create(**body, extra_headers=only)
            assert [set(one) for one in answers(answer.choices[0].message)] == [
                {"title", "start", "stops", "rating", "note"}
            ]
            text = ""
            async for chunk in await client.chat.completions.create(**body, stream=True, extra_headers=only):
                delta = chunk.choices[0].delta
                text += delta.content or "".join(call.function.arguments or "" for call in delta.tool_calls or ())
            assert set(json.loads(text)) == {"title", "start", "stops", "rating", "note"}


def outcome(response: Any) -> tuple[str, bool]:
    """Return the name of the tool that was called, or else whether the answer has the tool's result."""
    calls = [item.name for item in response.output if item.type == "function_call"]
    return (calls[0] if calls else "", "found" in response.output_text)


@pytest.mark.parametrize("name", RESPONSES)
async def test_every_provider_calls_the_tool_and_answers_its_result(name: str) -> None:
    body = {member: value for member, value in RECORDED[name].items() if member != "stream"}
    has_result = any(item.get("type") == "function_call_output" for item in body["input"])
    expected = ("", True) if has_result else ("get_trip", False)
    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        for provider in PROVIDERS:
            only = {"X-Provider": provider}
            assert outcome(await client.responses.create(**body, extra_headers=only)) == expected
            events = [event async for event in await client.responses.create(**body, stream=True, extra_headers=only)]
            assert events[-1].type == "response.completed"
            assert outcome(events[-1].response) == expected


def test_there_are_requests_of_every_program() -> None:
    stems = {name.rpartition("-")[0] for name in RECORDED}
    structured = {"instructor", "langchain-with-structured-output", "llamaindex", "openai--parse", "pydantic-ai"}
    assert structured | {"vercel-ai-sdk"} <= stems
