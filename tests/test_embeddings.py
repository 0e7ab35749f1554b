"""OpenAI's SDK gets vectors from every provider that has embeddings, through a running sidecar."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import orjson
import pytest

from proxy.sandbox.scenario import Fault
from tests.running import RunningSidecar, run_sidecar

FILE = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover: {max_retries: 3}, translate]
providers:
  openai: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}
  anthropic: {dialect: anthropic, base_url: "http://127.0.0.1:1"}
  cohere: {dialect: cohere, base_url: "http://127.0.0.1:1"}
models:
  m: {openai: text-embedding-3-small, anthropic: claude-sonnet-4-6, cohere: embed-v4.0}
  v3: {cohere: embed-english-v3.0}
"""
TEXTS = [f"text {number}" for number in range(200)]


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE) as started:
        yield started


def at(provider: str) -> dict[str, Any]:
    return {"model": "m", "extra_headers": {"X-Provider": provider}}


def bodies(sidecar: RunningSidecar, provider: str) -> list[Any]:
    return [orjson.loads(request.body) for request in sidecar.sandbox.requests(provider)]


@pytest.mark.parametrize("provider", ["cohere"])
async def test_vectors_are_equal_as_base64_and_as_numbers(sidecar: RunningSidecar, provider: str) -> None:
    async with sidecar.client() as client:
        packed = await client.embeddings.create(**at(provider), input=["Grüße", "bye"])
        plain = await client.embeddings.create(**at(provider), input=["Grüße", "bye"], encoding_format="float")
    assert [each.index for each in packed.data] == [0, 1] and packed.usage.prompt_tokens > 0
    assert packed.usage == plain.usage and packed.model and packed.provider == provider  # type: ignore[attr-defined]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert math.dist(one.embedding, other.embedding) < 1e-6
        assert math.isclose(math.hypot(*one.embedding), 1, abs_tol=1e-5)


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_the_encoding_is_the_one_that_was_asked_for(sidecar: RunningSidecar, encoding: str) -> None:
    body = {"model": "m", "input": "Hello", "encoding_format": encoding}
    headers = {"X-Provider": "cohere"}
    async with aiohttp.request("POST", f"{sidecar.url}/v1/embeddings", json=body, headers=headers) as answer:
        (item,) = (await answer.json())["data"]
    assert isinstance(item["embedding"], {"float": list, "base64": str}[encoding])


@pytest.mark.parametrize(("provider", "sizes"), [("cohere", [96, 96, 8])])
async def test_many_texts_are_sent_in_parts(sidecar: RunningSidecar, provider: str, sizes: list[int]) -> None:
    async with sidecar.client() as client:
        many = await client.embeddings.with_raw_response.create(**at(provider), input=TEXTS)
        last = await client.embeddings.create(**at(provider), input=TEXTS[199])
    answer = many.parse()
    assert [each.index for each in answer.data] == list(range(200))
    assert math.dist(answer.data[199].embedding, last.data[0].embedding) < 1e-6
    assert sorted((len(body["texts"]) for body in bodies(sidecar, provider)[:-1]), reverse=True) == sizes
    assert many.headers["x-provider-attempts"] == "1"
    line = sidecar.log.lines[0]
    assert line["prompt_tokens"] == answer.usage.prompt_tokens == 200 * last.usage.prompt_tokens
    assert float(many.headers["x-request-cost"]) == pytest.approx(answer.usage.prompt_tokens * 0.12 / 1e6)


@pytest.mark.parametrize("input", [[1, 2, 3], [[1, 2], [3]]])
async def test_token_numbers_go_only_to_providers_that_take_them(sidecar: RunningSidecar, input: Any) -> None:
    prefer = {"X-Provider-Preference": "cohere", "X-Route-Explain": "true"}
    async with sidecar.client() as client:
        answer: Any = await client.embeddings.create(model="m", input=input, extra_headers=prefer)
        with pytest.raises(openai.BadRequestError, match=r"unsupported_params: input \(token numbers\)") as caught:
            await client.embeddings.create(**at("cohere"), input=input)
    assert answer.provider == "openai" and caught.value.param == "input"


async def test_a_provider_without_embeddings_is_excluded(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        with pytest.raises(openai.BadRequestError, match="anthropic: endpoint_unsupported"):
            await client.embeddings.create(**at("anthropic"), input="a")


async def test_dimensions_are_never_dropped(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        answer = await client.embeddings.create(**at("cohere"), input="a", dimensions=256)
        with pytest.raises(openai.BadRequestError, match="dimensions: must be one of 256, 512, 1024, 1536"):
            await client.embeddings.create(**at("cohere"), input="a", dimensions=300)
        with pytest.raises(openai.BadRequestError, match="cohere: unsupported_params: dimensions") as caught:
            await client.embeddings.create(model="v3", input="a", dimensions=256)
    assert len(answer.data[0].embedding) == 256 and caught.value.param == "dimensions"


async def test_an_input_type_is_for_the_providers_that_have_it(sidecar: RunningSidecar) -> None:
    asked = {"input": "a", "extra_body": {"input_type": "search_query"}}
    async with sidecar.client() as client:
        at_cohere = await client.embeddings.with_raw_response.create(**at("cohere"), **asked)
        at_openai = await client.embeddings.with_raw_response.create(**at("openai"), **asked)
    assert bodies(sidecar, "cohere")[-1]["input_type"] == "search_query"
    assert "x-routing-warnings" not in at_cohere.headers
    assert at_openai.headers["x-routing-warnings"] == "param-dropped;name=input_type"


async def test_many_texts_fail_over_as_one_request(sidecar: RunningSidecar) -> None:
    await sidecar.sandbox.set_fault("cohere", Fault("status", status=429))
    async with sidecar.client() as client:
        chain = {"X-Provider-Fallbacks": "cohere,openai"}
        raw = await client.embeddings.with_raw_response.create(model="m", input=TEXTS, extra_headers=chain)
    answer: Any = raw.parse()
    assert (answer.provider, len(answer.data), raw.headers["x-provider-attempts"]) == ("openai", 200, "2")


async def test_the_cost_ceiling_holds_for_embeddings(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        with pytest.raises(openai.BadRequestError, match="cohere: over_cost"):
            headers = {"X-Provider": "cohere", "X-Max-Cost-Per-Request": "0.00001"}
            await client.embeddings.create(model="m", input=TEXTS, extra_headers=headers)
        headers = {"X-Provider": "cohere", "X-Max-Cost-Per-Request": "0.001"}
        assert (await client.embeddings.create(model="m", input=TEXTS, extra_headers=headers)).usage.cost  # type: ignore[attr-defined]


async def test_native_members_are_in_every_part(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        await client.embeddings.create(**at("cohere"), input=TEXTS, extra_body={"cohere": {"truncate": "NONE"}})
    assert [body["truncate"] for body in bodies(sidecar, "cohere")] == ["NONE"] * 3
