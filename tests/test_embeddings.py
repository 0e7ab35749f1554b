"""OpenAI's SDK gets vectors from every provider that has embeddings, through a running sidecar."""

from __future__ import annotations

import base64
import math
import struct
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
  google: {dialect: google, base_url: "http://127.0.0.1:1"}
  mistral: {dialect: mistral, base_url: "http://127.0.0.1:1"}
  cohere: {dialect: cohere, base_url: "http://127.0.0.1:1"}
  host: {dialect: compatible, base_url: "http://127.0.0.1:1/v1"}
models:
  m: {openai: text-embedding-3-small, anthropic: claude-sonnet-4-6, google: gemini-embedding-2, mistral: mistral-embed, cohere: embed-v4.0, host: bge-m3}
  fixed: {cohere: embed-english-v3.0, mistral: mistral-embed}
  code: {mistral: codestral-embed}
  first: {google: gemini-embedding-001}
"""
PROVIDERS = ["openai", "google", "mistral", "cohere", "host"]
TEXTS = [f"text {number}" for number in range(300)]


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE) as started:
        yield started


def at(provider: str) -> dict[str, Any]:
    return {"model": "m", "extra_headers": {"X-Provider": provider}}


def bodies(sidecar: RunningSidecar, provider: str) -> list[Any]:
    return [orjson.loads(request.body) for request in sidecar.sandbox.requests(provider)]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_vectors_are_equal_as_base64_and_as_numbers(sidecar: RunningSidecar, provider: str) -> None:
    async with sidecar.client() as client:
        packed = await client.embeddings.create(**at(provider), input=["Grüße", "bye"])
        plain = await client.embeddings.create(**at(provider), input=["Grüße", "bye"], encoding_format="float")
    assert [each.index for each in packed.data] == [0, 1] and packed.usage.prompt_tokens > 0
    assert packed.usage == plain.usage and packed.model and packed.provider == provider  # type: ignore[attr-defined]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert math.dist(one.embedding, other.embedding) < 1e-6
        assert math.isclose(math.hypot(*one.embedding), 1, abs_tol=1e-5)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_the_encoding_is_the_one_that_was_asked_for(
    sidecar: RunningSidecar, provider: str, encoding: str
) -> None:
    body = {"model": "m", "input": "Hello", "encoding_format": encoding}
    headers = {"X-Provider": provider}
    async with aiohttp.request("POST", f"{sidecar.url}/v1/embeddings", json=body, headers=headers) as answer:
        (item,) = (await answer.json())["data"]
    assert isinstance(item["embedding"], {"float": list, "base64": str}[encoding])


@pytest.mark.parametrize(
    ("provider", "member", "sizes", "price"),
    [
        ("openai", "input", [300], 0.02),
        ("google", "requests", [100, 100, 100], 0.2),
        ("mistral", "input", [256, 44], 0.1),
        ("cohere", "texts", [96, 96, 96, 12], 0.12),
        ("host", "input", [300], None),
    ],
)
async def test_many_texts_are_sent_as_the_provider_takes_them(
    sidecar: RunningSidecar, provider: str, member: str, sizes: list[int], price: float | None
) -> None:
    async with sidecar.client() as client:
        many = await client.embeddings.with_raw_response.create(**at(provider), input=TEXTS)
        last = await client.embeddings.create(**at(provider), input=TEXTS[299])
    answer = many.parse()
    assert [each.index for each in answer.data] == list(range(300))
    assert math.dist(answer.data[299].embedding, last.data[0].embedding) < 1e-6
    assert sorted((len(body[member]) for body in bodies(sidecar, provider)[:-1]), reverse=True) == sizes
    assert many.headers["x-provider-attempts"] == "1"
    line = sidecar.log.lines[0]
    assert line["prompt_tokens"] == answer.usage.prompt_tokens == 300 * last.usage.prompt_tokens
    cost = many.headers.get("x-request-cost")
    assert (cost and float(cost)) == (price and pytest.approx(answer.usage.prompt_tokens * price / 1e6))


@pytest.mark.parametrize("input", [[1, 2, 3], [[1, 2], [3]]])
async def test_token_numbers_go_only_to_providers_that_take_them(sidecar: RunningSidecar, input: Any) -> None:
    prefer = {"X-Provider-Preference": "cohere", "X-Route-Explain": "true"}
    async with sidecar.client() as client:
        answer: Any = await client.embeddings.create(model="m", input=input, extra_headers=prefer)
        with pytest.raises(openai.BadRequestError, match=r"unsupported_params: input \(token numbers\)") as caught:
            await client.embeddings.create(**at("cohere"), input=input)
    assert answer.provider in ("openai", "host") and caught.value.param == "input"


async def test_a_provider_without_embeddings_is_excluded(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        with pytest.raises(openai.BadRequestError, match="anthropic: endpoint_unsupported"):
            await client.embeddings.create(**at("anthropic"), input="a")


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "m"), ("google", "m"), ("google", "first"), ("cohere", "m"), ("mistral", "code"), ("host", "m")],
)
@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_shorter_vectors_have_the_length_1_too(
    sidecar: RunningSidecar, provider: str, model: str, encoding: Any
) -> None:
    async with sidecar.client() as client:
        options = {**at(provider), "model": model, "encoding_format": encoding}
        answer = await client.embeddings.create(**options, input="a", dimensions=256)
    (vector,) = [each.embedding for each in answer.data]
    if encoding == "base64":
        vector = list(struct.unpack("<256f", base64.b64decode(str(vector))))
    assert len(vector) == 256 and math.isclose(math.hypot(*vector), 1, abs_tol=1e-5)


@pytest.mark.parametrize(
    ("provider", "model", "dimensions", "message"),
    [
        ("cohere", "m", 300, "dimensions: must be one of 256, 512, 1024, 1536 for this model"),
        ("google", "m", 4000, "dimensions: must be 1 to 3072 for this model"),
        ("mistral", "code", 4000, "dimensions: must be 1 to 3072 for this model"),
        ("cohere", "fixed", 256, "cohere: unsupported_params: dimensions"),
        ("mistral", "m", 256, "mistral: unsupported_params: dimensions"),
    ],
)
async def test_dimensions_are_never_dropped(
    sidecar: RunningSidecar, provider: str, model: str, dimensions: int, message: str
) -> None:
    async with sidecar.client() as client:
        with pytest.raises(openai.BadRequestError, match=message) as caught:
            await client.embeddings.create(**{**at(provider), "model": model}, input="a", dimensions=dimensions)
    assert caught.value.param == "dimensions" and not sidecar.sandbox.requests(provider)


async def test_the_size_that_all_vectors_of_a_model_have_may_be_asked_for(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        for provider in ("cohere", "mistral"):
            answer = await client.embeddings.create(**{**at(provider), "model": "fixed"}, input="a", dimensions=1024)
            assert len(answer.data[0].embedding) == 1024


@pytest.mark.parametrize(
    ("provider", "model", "sent"),
    [
        ("cohere", "m", b'"input_type":"search_query"'),
        ("google", "first", b'"taskType":"RETRIEVAL_QUERY"'),
        ("host", "m", b'"input_type":"search_query"'),
        ("openai", "m", None),
        ("mistral", "m", None),
        ("google", "m", None),
    ],
)
async def test_an_input_type_is_for_the_providers_that_have_it(
    sidecar: RunningSidecar, provider: str, model: str, sent: bytes | None
) -> None:
    asked = {**at(provider), "model": model, "input": "a", "extra_body": {"input_type": "search_query"}}
    async with sidecar.client() as client:
        raw = await client.embeddings.with_raw_response.create(**asked)
    body = sidecar.sandbox.requests(provider)[-1].body
    assert raw.headers.get("x-routing-warnings") == (None if sent else "param-dropped;name=input_type")
    assert sent in body if sent else b"ype" not in body


async def test_a_provider_that_does_not_count_tokens_has_no_cost(sidecar: RunningSidecar) -> None:
    async with sidecar.client() as client:
        raw = await client.embeddings.with_raw_response.create(model="first", input="a")
    assert raw.parse().usage.prompt_tokens == 0 and "x-request-cost" not in raw.headers


async def test_many_texts_fail_over_as_one_request(sidecar: RunningSidecar) -> None:
    await sidecar.sandbox.set_fault("cohere", Fault("status", status=429))
    async with sidecar.client() as client:
        chain = {"X-Provider-Fallbacks": "cohere,openai"}
        raw = await client.embeddings.with_raw_response.create(model="m", input=TEXTS, extra_headers=chain)
    answer: Any = raw.parse()
    assert (answer.provider, len(answer.data), raw.headers["x-provider-attempts"]) == ("openai", 300, "2")


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
    assert [body["truncate"] for body in bodies(sidecar, "cohere")] == ["NONE"] * 4


async def test_a_dry_run_says_what_is_dropped_and_who_is_excluded(sidecar: RunningSidecar) -> None:
    body = {"model": "m", "input": "a", "odd": 1, "dimensions": 256}
    async with aiohttp.request("POST", f"{sidecar.url}/v1/route?api=embeddings", json=body) as answer:
        decision = await answer.json()
    assert {step["provider"]: step.get("drops") for step in decision["plan"]} == {
        "openai": None, "google": ["odd"], "cohere": ["odd"], "host": None,
    }  # fmt: skip
    reasons = {each["provider"]: each["reason"] for each in decision["excluded"]}
    assert reasons == {"anthropic": "endpoint_unsupported", "mistral": "unsupported_params: dimensions"}
