"""`GET /v1/models` lists the routing table, readable by OpenAI's SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator

import openai
import pytest

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
