"""A request that has to be several succeeds or fails as one attempt."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from msgspec import structs

from proxy.errors import UpstreamDisconnected, UpstreamTimeout
from proxy.upstream import limits
from proxy.upstream.split_transfer import MAX_CONCURRENT
from tests.drivers import both_drivers, pipeline
from tests.fakes import (
    FOREVER,
    FakeClient,
    FakeTransport,
    Later,
    exchange,
    generation,
    request,
    settle,
    start_request,
    steps,
)
from tests.virtual_time import virtual_time

FILE = """
pipeline: [access_log, header_policy, limits, strategy, sse_passthrough, {{failover: {{max_retries: {retries}}}}}, translate]
providers:
  a: {{dialect: cohere, base_url: "https://a.test", timeouts: {{response: 10s}}, limits: {{requests_per_minute: 4}}}}
  b: {{dialect: openai, base_url: "https://b.test/v1"}}
models:
  m: {{a: {{model: embed-v4.0, price: {{input: 1, output: 0}}}}, b: {{model: m-b, price: {{input: 1, output: 0}}}}}}
"""


def vectors(count: int, first: int = 0, tokens: int | None = 1_000_000) -> tuple[int, dict[str, str], list[bytes]]:
    """Return Cohere's answer of so many vectors, each with one number, the first with this one."""
    meta = {} if tokens is None else {"meta": {"billed_units": {"input_tokens": tokens}}}
    body = {"embeddings": {"float": [[first + number] for number in range(count)]}, **meta}
    return 200, {"x-request": str(first)}, [orjson.dumps(body)]


ANSWER = (200, {}, [orjson.dumps({"data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 7, "total_tokens": 7}})])
"""OpenAI's."""


def embed(texts: int, *rows: Any, driver: str = "callbacks", retries: int = 3) -> tuple[FakeClient, FakeTransport]:
    """Start a request for the vectors of so many texts, at `a` and then at `b`."""
    file, transport = FILE.format(retries=retries), FakeTransport(list(rows))
    body = {"model": "m", "input": [f"text {number}" for number in range(texts)]}
    one = exchange(
        request({"X-Provider-Fallbacks": "a,b"}, "/v1/embeddings"),
        transport=transport,
        snap=generation(file).snapshot,
        raw=orjson.dumps(body),
    )
    return start_request(structs.replace(one, endpoint="embeddings"), pipeline(driver, file)), transport


def sizes(transport: FakeTransport) -> list[int]:
    return [len(orjson.loads(each.body).get("texts", [])) for each in transport.sent]


@both_drivers
async def test_the_answers_are_joined_in_order_whichever_comes_first(driver: str) -> None:
    client, transport = embed(200, FOREVER, vectors(96, 96), vectors(8, 192), driver=driver)
    await settle(60)
    assert not client.has_ended.is_set()
    transport.transfers[0].push(*steps(vectors(96)))
    await client.has_ended.wait()
    answer = orjson.loads(client.body)
    assert sizes(transport) == [96, 96, 8]
    assert [item["embedding"] for item in answer["data"]] == [[number] for number in range(200)]
    assert [item["index"] for item in answer["data"]] == list(range(200))
    usage = {"prompt_tokens": 3_000_000, "total_tokens": 3_000_000, "cost": 3}
    assert (answer["usage"], answer["model"], answer["provider"]) == (usage, "embed-v4.0", "a")
    assert (client.headers["X-Provider-Attempts"], client.headers["X-Request-Cost"]) == ("1", "3")


async def test_a_request_that_fits_is_sent_as_one() -> None:
    client, transport = embed(96, vectors(96))
    await client.has_ended.wait()
    assert client.status == 200 and sizes(transport) == [96]


async def test_only_a_few_are_under_way_at_a_time() -> None:
    client, transport = embed(96 * 6, *[FOREVER] * 6)
    await settle()
    assert len(transport.sent) == MAX_CONCURRENT
    transport.transfers[2].push(*steps(vectors(96)))
    await settle()
    assert len(transport.sent) == MAX_CONCURRENT + 1
    client.disconnect()
    assert [transfer.aborted for transfer in transport.transfers] == [1, 1, 0, 1, 1]
    await settle()
    assert len(transport.sent) == MAX_CONCURRENT + 1


@both_drivers
@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(429, "rate_limit"), (503, "model_overloaded"), (UpstreamDisconnected("cut"), "upstream_disconnected")],
)
async def test_the_failure_of_a_part_ends_the_others_and_fails_over(driver: str, failure: Any, outcome: str) -> None:
    client, transport = embed(300, FOREVER, FOREVER, failure, FOREVER, ANSWER, driver=driver, retries=1)
    await client.has_ended.wait()
    assert transport.tried == "aaaab" and client.status == 200
    assert [transfer.aborted for transfer in transport.transfers] == [1, 1, 0, 1, 0]
    assert [attempt.outcome for attempt in client.attempts] == [outcome, "ok"]
    assert orjson.loads(client.body)["data"][0]["embedding"] == [0.5]


async def test_what_answered_before_another_part_failed_is_in_the_bill() -> None:
    client, transport = embed(300, vectors(96), FOREVER, FOREVER, FOREVER, ANSWER)
    await settle()
    transport.transfers[1].push(*steps(429))
    await client.has_ended.wait()
    assert client.headers["X-Request-Cost"] == "1.000007"


async def test_a_refusal_is_the_callers_answer_in_the_words_of_the_provider() -> None:
    refused = (400, {}, [b'{"message":"invalid request: no such model"}'])
    client, transport = embed(100, vectors(96), refused)
    await client.has_ended.wait()
    assert (client.status, transport.tried) == (400, "aa")
    assert client.error["message"] == "invalid request: no such model"


async def test_usage_is_not_known_if_one_part_has_none() -> None:
    client, _ = embed(100, vectors(96), vectors(4, tokens=None))
    await client.has_ended.wait()
    assert "X-Request-Cost" not in client.headers and "cost" not in orjson.loads(client.body)["usage"]


@virtual_time
async def test_all_parts_share_the_time_of_the_attempt() -> None:
    rows = [Later(4.0, vectors(96))] * 4 + [FOREVER, ANSWER]
    client, transport = embed(96 * 5, *rows)
    await settle()
    assert [response for _, response in transport.timeouts] == [10.0] * 4
    await asyncio.sleep(4.5)
    assert transport.timeouts[4][1] == pytest.approx(6.0, abs=0.01)
    transport.transfers[4].push(UpstreamTimeout("no response"))
    await client.has_ended.wait()
    assert [attempt.outcome for attempt in client.attempts] == ["upstream_timeout", "ok"]


async def test_parts_that_are_too_large_together_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RESPONSE_BYTES", 9000)
    client, transport = embed(300, vectors(96), vectors(96), vectors(96), vectors(12))
    await client.has_ended.wait()
    assert (client.status, client.error["code"]) == (502, "response_too_large")
    assert transport.tried == "aaaa"


async def test_kept_answers_count_as_memory_until_the_end() -> None:
    client, transport = embed(300, *[FOREVER] * 4)
    load = client.lifecycle.exchange.runtime.load
    await settle()
    before = load.buffered_bytes
    large = [[0.25] * 20_000] * 96
    transport.transfers[0].push(*steps((200, {}, [orjson.dumps({"embeddings": {"float": large}})])))
    await settle()
    assert load.buffered_bytes - before > 2**20
    client.disconnect()
    assert load.buffered_bytes == 0


async def test_each_part_counts_for_the_limit_of_requests() -> None:
    client, _ = embed(200, vectors(96), vectors(96), vectors(8))
    await client.has_ended.wait()
    exchange, (attempt,) = client.lifecycle.exchange, client.attempts
    provider = attempt.step.target.provider
    assert exchange.runtime.resilience.rate_limits.used_ratio(provider, exchange.runtime.clock()) == 0.75
