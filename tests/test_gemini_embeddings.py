"""Google's SDK gets vectors from every provider that has embeddings, through a running sidecar."""

from __future__ import annotations

import asyncio
import math
import warnings
from collections.abc import Iterator
from typing import Any

import aiohttp
import orjson
import pytest
from google import genai
from google.genai import errors, types

from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import EMBEDDING_MODELS, six_providers

PROVIDERS = [name for name in EMBEDDING_MODELS if name != "anthropic"]
TEXTS = [f"text {number}" for number in range(150)]


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """Make a word that the SDK does not know an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


async def embed(sidecar: RunningSidecar, provider: str, contents: Any, **config: Any) -> types.EmbedContentResponse:
    options = types.HttpOptions(base_url=sidecar.url, headers={"X-Provider": provider})
    client = genai.Client(api_key="any", http_options=options)
    given: Any = types.EmbedContentConfig(**config)
    return await asyncio.to_thread(client.models.embed_content, model="e", contents=contents, config=given)


def lengths(answer: types.EmbedContentResponse) -> list[int]:
    return [len(each.values or ()) for each in answer.embeddings or ()]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_sdk_embeds_contents_at_every_provider(provider: str) -> None:
    async with run_sidecar(six_providers()) as sidecar:
        answer = await embed(sidecar, provider, ["Grüße 🦜", "bye"], output_dimensionality=256)
        (line,) = sidecar.log.lines
    assert lengths(answer) == [256, 256]
    assert all(math.isclose(math.hypot(*(each.values or ())), 1, abs_tol=1e-5) for each in answer.embeddings or ())
    assert answer.usage_metadata and answer.usage_metadata.prompt_token_count
    assert (line["api"], line["provider"], line["outcome"]) == ("gemini_batch_embed_contents", provider, "ok")
    assert line["prompt_tokens"] == answer.usage_metadata.prompt_token_count


@pytest.mark.parametrize(("provider", "requests"), [("cohere", 2), ("openai", 1), ("mistral", 1)])
async def test_a_large_batch_is_sent_as_the_provider_takes_it(provider: str, requests: int) -> None:
    async with run_sidecar(six_providers()) as sidecar:
        answer = await embed(sidecar, provider, TEXTS)
        last = await embed(sidecar, provider, TEXTS[-1:])
        assert len(sidecar.sandbox.requests(provider)) == requests + 1
    assert answer.embeddings and last.embeddings and len(answer.embeddings) == len(TEXTS)
    assert math.dist(answer.embeddings[-1].values or (), last.embeddings[0].values or ()) < 1e-6


async def test_a_task_type_is_the_input_type_of_others() -> None:
    async with run_sidecar(six_providers()) as sidecar:
        await embed(sidecar, "cohere", "a", task_type="RETRIEVAL_QUERY")
        assert orjson.loads(sidecar.sandbox.requests("cohere")[-1].body)["input_type"] == "search_query"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_one_content_gets_one_vector(provider: str) -> None:
    body = {"model": "models/e", "content": {"parts": [{"text": "Hello"}]}, "outputDimensionality": 256}
    async with run_sidecar(six_providers()) as sidecar, aiohttp.ClientSession() as session:
        url, headers = f"{sidecar.url}/v1beta/models/e:embedContent", {"X-Provider": provider}
        async with session.post(url, json=body, headers=headers) as response:
            answer = await response.json()
            assert response.headers.get("X-Request-Cost") or provider == "meta"
        sent = orjson.loads(sidecar.sandbox.requests(provider)[-1].body)
    assert len(answer["embedding"]["values"]) == 256 and set(answer) == {"embedding", "usageMetadata"}
    assert sent["model"] == (
        f"models/{EMBEDDING_MODELS[provider]}" if provider == "google" else EMBEDDING_MODELS[provider]
    )


async def test_errors_are_in_googles_envelope() -> None:
    async with run_sidecar(six_providers()) as sidecar:
        with pytest.raises(errors.ClientError, match="anthropic: endpoint_unsupported") as caught:
            await embed(sidecar, "anthropic", "a")
        assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
        with pytest.raises(errors.ClientError, match="outputDimensionality: must be one of 256, 512, 1024, 1536"):
            await embed(sidecar, "cohere", "a", output_dimensionality=100)
        image = types.Part.from_bytes(data=b"x", mime_type="image/png")
        with pytest.raises(errors.ClientError, match="cohere: unsupported_feature: requests"):
            await embed(sidecar, "cohere", [types.Content(parts=[image])])
