"""A simulated provider counts its requests, tokens and faults."""

from __future__ import annotations

import json
from random import Random

import aiohttp
import pytest

from proxy.sandbox.contract import Simulation, json_reply
from proxy.sandbox.openai import SIMULATION
from proxy.sandbox.provider import Environment, SimulatedProvider
from proxy.sandbox.scenario import Fault, Scenario

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def now():
    return [1_000.0]


@pytest.fixture
async def provider(now):
    provider = SimulatedProvider("openai", SIMULATION, Environment(clock=lambda: now[0], random=Random(1)))
    provider.port.reserve(0)
    await provider.port.listen()
    yield provider
    await provider.port.close()


@pytest.fixture
async def ask(provider):
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer k"}) as client:

        async def send():
            async with client.post(provider.port.url + "/v1/chat/completions", json=BODY) as response:
                return response.status, response.headers, json.loads(await response.read())

        yield send


async def test_a_fault_affects_the_configured_number_of_requests(provider, ask):
    await provider.apply(Scenario(fault=Fault("status", status=503, times=2)))
    assert [(await ask())[0] for _ in range(4)] == [503, 503, 200, 200]
    assert provider.scenario == Scenario()


async def test_a_fault_without_times_affects_all_requests(provider, ask):
    await provider.apply(Scenario(fault=Fault("status")))
    assert [(await ask())[0] for _ in range(3)] == [500] * 3


async def test_a_fault_with_a_probability_uses_the_random_source(provider, ask):
    await provider.apply(Scenario(fault=Fault("status", probability=0.5)))
    chance = Random(1)
    assert [(await ask())[0] for _ in range(12)] == [500 if chance.random() < 0.5 else 200 for _ in range(12)]


async def test_the_rate_limit_resets_after_a_minute(provider, ask, now):
    await provider.apply(Scenario(fault=Fault("limit", requests=2)))
    assert [(await ask())[0] for _ in range(3)] == [200, 200, 429]
    now[0] += 59
    status, headers, _ = await ask()
    assert (status, headers["retry-after"]) == (429, "1")
    now[0] += 1
    assert (await ask())[0] == 200


async def test_the_rate_limit_counts_requests_and_tokens(ask):
    _, first, answer = await ask()
    _, second, _ = await ask()
    assert first["x-ratelimit-remaining-requests"] == "499" and second["x-ratelimit-remaining-requests"] == "498"
    spent = int(first["x-ratelimit-remaining-tokens"]) - int(second["x-ratelimit-remaining-tokens"])
    assert spent == answer["usage"]["total_tokens"]


async def test_the_query_reaches_the_simulation():
    def handle(call):
        return json_reply(200, {}, [call.path, dict(call.query)])

    provider = SimulatedProvider("p", Simulation("", handle, SIMULATION.render_error), Environment())
    provider.port.reserve(0)
    await provider.port.listen()
    async with (
        aiohttp.ClientSession() as client,
        client.get(provider.port.url + "/v1/models/m:go?alt=sse&key=k") as response,
    ):
        assert json.loads(await response.read()) == ["/v1/models/m:go", {"alt": "sse", "key": "k"}]
    await provider.port.close()


async def test_every_response_has_a_different_id(ask):
    ids = {(await ask())[2]["id"] for _ in range(3)}
    assert len(ids) == 3


async def test_recorded_requests_take_bounded_memory(provider, ask, monkeypatch):
    monkeypatch.setattr("proxy.sandbox.provider.MAX_RECORDED_BYTES", 2 * len(json.dumps(BODY)))
    for _ in range(4):
        await ask()
    assert len(provider.received) == 2
    monkeypatch.setattr("proxy.sandbox.provider.MAX_RECORDED_BYTES", 1)
    await ask()
    assert [json.loads(received.body) for received in provider.received] == [BODY]
