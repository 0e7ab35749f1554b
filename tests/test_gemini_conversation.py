"""Google's SDK holds a conversation with tools in which any of six providers serves any turn."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import aiohttp
import pytest
from google import genai
from google.genai import errors, types

from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

DECLARATIONS: Any = [
    {
        "name": "get_weather",
        "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
    },
    {
        "name": "look_up",
        "description": "Looks",
        "parameters_json_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
    },
]
QUESTIONS = ["Grüß dich! 👋", "Was sagen get_weather und look_up zu Zürich?", "get_weather für Łódź, bitte"]


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """Make a word that the SDK does not know an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def client_of(sidecar: RunningSidecar) -> genai.Client:
    return genai.Client(api_key="any", http_options=types.HttpOptions(base_url=sidecar.url))


def config(provider: str) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(
        http_options=types.HttpOptions(headers={"X-Provider": provider}),
        system_instruction="Antworte kurz. 🦜",
        tools=[types.Tool(function_declarations=DECLARATIONS)],
        thinking_config=types.ThinkingConfig(include_thoughts=True),
    )


def ask(client: genai.Client, provider: str, contents: list[Any], stream: bool) -> types.Content:
    """Return the answer, of which exactly the last response has a finish reason."""
    options: Any = {"model": "m", "contents": contents, "config": config(provider)}
    models = client.models
    responses: Any = list(models.generate_content_stream(**options)) if stream else [models.generate_content(**options)]
    finishes = [bool(response.candidates[0].finish_reason) for response in responses]
    assert finishes == [False] * (len(finishes) - 1) + [True], provider
    counts = responses[-1].usage_metadata
    assert counts.prompt_token_count and counts.candidates_token_count, provider
    parts = [part for response in responses for part in response.candidates[0].content.parts]
    return types.Content(role="model", parts=parts)


def results(content: types.Content) -> list[types.Content]:
    calls = [part.function_call for part in content.parts or () if part.function_call]
    answers = [types.FunctionResponse(id=call.id, name=call.name, response={"result": "21 °C ☀"}) for call in calls]
    return [types.Content(role="user", parts=[types.Part(function_response=each) for each in answers])] if calls else []


def converse(client: genai.Client, order: list[str], stream: bool) -> set[str | None]:
    """Send each turn to the next provider, with what the earlier ones answered. Return the functions that were called."""
    contents: list[types.Content] = []
    for turn, provider in enumerate(order):
        if not contents or contents[-1].role != "user":
            contents.append(types.Content(role="user", parts=[types.Part(text=QUESTIONS[turn % 3])]))
        answer = ask(client, provider, contents, stream)
        contents += [answer, *results(answer)]
    return {part.function_call.name for each in contents for part in each.parts or () if part.function_call}


@pytest.mark.parametrize("stream", [False, True])
async def test_ten_turns_alternate_between_all_six_providers(stream: bool) -> None:
    async with run_sidecar(six_providers()) as sidecar:
        for start in range(3):  # every provider gets every kind of turn
            order = list(islice(cycle(PROVIDERS), start, start + 10))
            called = await asyncio.to_thread(converse, client_of(sidecar), order, stream)
            assert called == {"get_weather", "look_up"}
        assert [line for line in sidecar.log.lines if line["outcome"] != "ok"] == []
        assert {line["api"] for line in sidecar.log.lines} == {"gemini"}
        google = [call.body for call in sidecar.sandbox.requests("google")]
        assert google and all(b'"systemInstruction"' in body and b"cGFycm90" not in body for body in google)


@pytest.mark.parametrize("provider", ["openai", "google"])
async def test_a_stream_without_events_is_one_array(provider: str) -> None:
    body, headers = {"contents": [{"parts": [{"text": "Hi"}]}]}, {"X-Provider": provider}
    async with run_sidecar(six_providers()) as sidecar, aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{sidecar.url}/v1beta/models/m:streamGenerateContent", json=body) as response:
            assert response.content_type == "application/json"
            *others, last = await response.json()
        assert others and last["candidates"][0]["finishReason"] == "STOP"


async def test_an_error_is_the_sdks() -> None:
    async with run_sidecar(six_providers()) as sidecar:
        client = client_of(sidecar)
        with pytest.raises(errors.ClientError) as raised:
            await asyncio.to_thread(client.models.generate_content, model="unknown/model", contents="Hi")
        assert (raised.value.code, raised.value.status) == (404, "NOT_FOUND")
        assert "unknown/model" in str(raised.value.message)
