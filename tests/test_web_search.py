"""`web_search_options` reach the providers that search, and their citations come back as OpenAI's annotations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import pytest

from tests.running import HELLO, RunningSidecar, run_sidecar
from tests.six_providers import six_providers, tool

OSLO = {"type": "approximate", "approximate": {"city": "Oslo", "country": "NO", "region": None}}
OPTIONS = {"search_context_size": "high", "user_location": OSLO}
ASK: list[Any] = [{"role": "user", "content": "Grüße 🦜"}]
CITED = ["anthropic", "google"]


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(six_providers()) as started:
        yield started


async def ask(sidecar: RunningSidecar, provider: str, messages: list[Any] = ASK, **options: Any) -> Any:
    async with sidecar.client() as client:
        return await client.chat.completions.with_raw_response.create(
            model="m", messages=messages, extra_headers={"X-Provider": provider}, **options
        )


def sent(sidecar: RunningSidecar, provider: str) -> dict[str, Any]:
    return orjson.loads(sidecar.sandbox.requests(provider)[-1].body)  # type: ignore[no-any-return]


@pytest.mark.parametrize("provider", CITED)
async def test_an_answer_has_annotations_of_its_text(sidecar: RunningSidecar, provider: str) -> None:
    message = (await ask(sidecar, provider, web_search_options={})).parse().choices[0].message
    (annotation,) = message.annotations
    citation = annotation.url_citation
    assert (annotation.type, citation.url, citation.title) == ("url_citation", "https://example.com/parrots", "Parrots")
    assert message.content[citation.start_index : citation.end_index] == message.content
    assert message.tool_calls is None


@pytest.mark.parametrize("provider", CITED)
async def test_a_stream_has_them_too(sidecar: RunningSidecar, provider: str) -> None:
    async with sidecar.client() as client:
        stream = await client.chat.completions.create(
            model="m", messages=ASK, web_search_options={}, stream=True, extra_headers={"X-Provider": provider}
        )
        choices = [chunk.choices[0] async for chunk in stream if chunk.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    (found,) = [
        choice.delta.model_dump()["annotations"] for choice in choices if "annotations" in choice.delta.model_dump()
    ]
    assert [(each["url_citation"]["start_index"], each["url_citation"]["end_index"]) for each in found] == [
        (0, len(text))
    ]
    assert choices[-1].finish_reason == "stop" and not any(choice.delta.tool_calls for choice in choices)


async def test_anthropic_gets_its_tool_with_the_place(sidecar: RunningSidecar) -> None:
    options: Any = {"tools": [tool("web_search", city={"type": "string"})], "web_search_options": OPTIONS}
    raw = await ask(sidecar, "anthropic", tool_choice="required", **options)
    (call,) = raw.parse().choices[0].message.tool_calls
    assert call.function.name == "web_search"  # the caller's own, which has another name on the way
    own, search = sent(sidecar, "anthropic")["tools"]
    place = {"type": "approximate", "city": "Oslo", "country": "NO"}
    assert search == {"type": "web_search_20250305", "name": "web_search", "user_location": place}
    assert own["name"] != "web_search"
    assert raw.headers["x-routing-warnings"] == "param-dropped;name=search_context_size"


async def test_anthropic_may_search_after_tools_of_the_history(sidecar: RunningSidecar) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        *HELLO,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "x"},
    ]
    await ask(sidecar, "anthropic", [*history, *HELLO], web_search_options={})
    assert "tool_choice" not in sent(sidecar, "anthropic")


async def test_google_gets_its_tool(sidecar: RunningSidecar) -> None:
    raw = await ask(sidecar, "google", web_search_options=OPTIONS)
    assert sent(sidecar, "google")["tools"] == [{"googleSearch": {}}]
    dropped = raw.headers["x-routing-warnings"]
    assert dropped == "param-dropped;name=search_context_size, param-dropped;name=user_location"


@pytest.mark.parametrize(
    ("provider", "members"),
    [
        ("mistral", {}),
        ("cohere", {}),
        ("google", {"tools": [tool("f")]}),
        ("anthropic", {"response_format": {"type": "json_object"}}),
    ],
)
async def test_a_provider_that_cannot_search_then_is_excluded(
    sidecar: RunningSidecar, provider: str, members: dict[str, Any]
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(sidecar, provider, web_search_options={}, **members)
    assert caught.value.param == "web_search_options" and not sidecar.sandbox.requests(provider)


@pytest.mark.parametrize("provider", CITED)
@pytest.mark.parametrize(
    ("options", "param"),
    [
        ("yes", "web_search_options"),
        ({"user_location": {"type": "approximate"}}, "web_search_options.user_location.approximate"),
    ],
)
async def test_malformed_options_are_named(sidecar: RunningSidecar, provider: str, options: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(sidecar, provider, extra_body={"web_search_options": options})
    assert caught.value.param == param
