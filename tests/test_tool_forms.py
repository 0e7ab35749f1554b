"""Functions of the older form and custom tools work at every provider, with answers in the caller's form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.sandbox.scenario import Fault
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

FUNCTIONS = [
    {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
    {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
]  # fmt: skip
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "^[a-z]+$"}}
CUSTOM = [{"type": "custom", "custom": {"name": "run_query", "description": "Runs it.", "format": GRAMMAR}}]
ASK: list[Any] = [{"role": "user", "content": "Use get_weather and run_query"}]


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(six_providers("error")) as started:
        yield started


async def ask(sidecar: RunningSidecar, provider: str, messages: list[Any] = ASK, **options: Any) -> Any:
    async with sidecar.client() as client:
        answer = await client.chat.completions.create(
            model="m", messages=messages, extra_headers={"X-Provider": provider}, **options
        )
        if options.get("stream"):
            chunks = [chunk async for chunk in answer]
            return [chunk.choices[0] for chunk in chunks if chunk.choices]
        return answer.choices[0]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_functions_are_called_and_their_results_are_read(sidecar: RunningSidecar, provider: str) -> None:
    choice = await ask(sidecar, provider, functions=FUNCTIONS)
    assert choice.finish_reason == "function_call" and choice.message.tool_calls is None
    assert choice.message.function_call.name == "get_weather"
    assert choice.message.function_call.arguments.replace(" ", "") == '{"city":"example"}'
    called = choice.message.model_dump(exclude_none=True)
    result = {"role": "function", "name": "get_weather", "content": "sunny"}
    answer = await ask(sidecar, provider, [*ASK, called, result], functions=FUNCTIONS)
    assert answer.finish_reason == "stop" and "sunny" in answer.message.content


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_functions_are_called_in_streams(sidecar: RunningSidecar, provider: str) -> None:
    choices = await ask(sidecar, provider, functions=FUNCTIONS, stream=True)
    calls = [choice.delta.function_call for choice in choices if choice.delta.function_call]
    assert [call.name for call in calls if call.name] == ["get_weather"]
    assert "".join(call.arguments or "" for call in calls).replace(" ", "") == '{"city":"example"}'
    assert choices[-1].finish_reason == "function_call"
    assert not any(choice.delta.tool_calls for choice in choices)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_function_can_be_forced(sidecar: RunningSidecar, provider: str) -> None:
    choice = await ask(sidecar, provider, functions=FUNCTIONS, function_call={"name": "get_time"})
    assert choice.message.function_call.name == "get_time"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_custom_tools_are_called_and_their_results_are_read(sidecar: RunningSidecar, provider: str) -> None:
    choice = await ask(sidecar, provider, tools=CUSTOM)
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, call.type) == ("tool_calls", "custom")
    assert (call.custom.name, call.custom.input) == ("run_query", "example")
    called = choice.message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": call.id, "content": "three rows"}
    answer = await ask(sidecar, provider, [*ASK, called, result], tools=CUSTOM)
    assert "three rows" in answer.message.content
    assert b"^[a-z]+$" in sidecar.sandbox.requests(provider)[-1].body


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_custom_tools_are_called_in_streams(sidecar: RunningSidecar, provider: str) -> None:
    forced = {"type": "custom", "custom": {"name": "run_query"}}
    choices = await ask(sidecar, provider, tools=CUSTOM, tool_choice=forced, stream=True)
    calls = [call.model_dump() for choice in choices for call in choice.delta.tool_calls or ()]
    assert [(call["type"], call["custom"]["name"]) for call in calls if call["id"]] == [("custom", "run_query")]
    assert "".join(call["custom"]["input"] for call in calls) == "example"
    assert choices[-1].finish_reason == "tool_calls"


async def test_a_failover_keeps_the_callers_form(sidecar: RunningSidecar) -> None:
    await sidecar.sandbox.set_fault("openai", Fault("status", status=503))
    order = {"routing": {"provider_preference": ["openai", "mistral"]}}
    choice = await ask(sidecar, "openai,mistral", functions=FUNCTIONS, extra_body=order)
    assert choice.message.function_call.name == "get_weather"
    assert b'"functions"' in sidecar.sandbox.requests("openai")[0].body
    assert b'"tools"' in sidecar.sandbox.requests("mistral")[0].body
