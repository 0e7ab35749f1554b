"""`GET /v1/models` lists the routing table, readable by OpenAI's SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest
from google import genai
from google.genai import types

from tests.running import TWO_PROVIDERS, run_sidecar

FILE = (
    TWO_PROVIDERS
    + """\
  org/model-1.5@beta: {second: x}
  "gpt-*": {first: "*"}
"""
)


@pytest.fixture
async def client() -> AsyncIterator[openai.AsyncOpenAI]:
    async with run_sidecar(FILE) as started, started.client() as sdk:
        yield sdk


async def test_the_list_has_every_name_and_no_patterns(client: openai.AsyncOpenAI) -> None:
    page = await client.models.list()
    assert [(model.id, model.object, model.owned_by) for model in page.data] == [
        ("m", "model", "first, second"),
        ("org/model-1.5@beta", "model", "second"),
    ]


@pytest.mark.parametrize(
    ("name", "providers"),
    [
        ("m", ["first", "second"]),
        ("org/model-1.5@beta", ["second"]),
        ("gpt-new", ["first"]),
        ("second/any.model", ["second"]),
    ],
)
async def test_a_model_is_any_name_that_would_be_routed(
    client: openai.AsyncOpenAI, name: str, providers: list[str]
) -> None:
    model = await client.models.retrieve(name)
    assert (model.id, model.providers) == (name, providers)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("org/model-1.5", "did you mean 'org/model-1.5@beta'?"),
        ("nothing-like-it", "no model 'nothing-like-it' in the routing table"),
        ("first/../m", "no model"),
        ("Grüße", "no model 'Grüße'"),
    ],
)
async def test_an_unknown_model_is_a_404_with_near_names(client: openai.AsyncOpenAI, name: str, message: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve(name)
    assert message in str(caught.value) and caught.value.code == "model_not_found"


async def test_googles_sdk_lists_and_gets_models() -> None:
    async with run_sidecar(FILE) as started:
        client = genai.Client(api_key="any", http_options=types.HttpOptions(base_url=started.url))
        listed = await asyncio.to_thread(lambda: [model.name for model in client.models.list()])
        assert listed == ["models/m", "models/org/model-1.5@beta"]
        found = await asyncio.to_thread(client.models.get, model="org/model-1.5@beta")
        assert found.display_name == "org/model-1.5@beta"


@pytest.mark.parametrize(
    ("path", "headers", "member"),
    [
        ("/v1/models", {}, "data"),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "has_more"),
        ("/v1/models", {"x-goog-api-key": "any"}, "models"),
        ("/v1/models?key=any", {}, "models"),
        ("/v1beta/models", {}, "models"),
        ("/v1beta/models/m", {}, "supportedGenerationMethods"),
    ],
)
async def test_the_form_is_that_of_the_callers_api(path: str, headers: dict[str, str], member: str) -> None:
    async with run_sidecar(FILE) as started, aiohttp.ClientSession() as session:
        async with session.get(started.url + path, headers=headers) as response:
            found: dict[str, Any] = await response.json()
        assert member in found
