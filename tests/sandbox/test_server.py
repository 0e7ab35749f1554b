"""Simulated providers run on their own ports and can be stopped and started again."""

from __future__ import annotations

import asyncio
import io
import json

import aiohttp
import pytest

from proxy.sandbox.provider import Environment
from proxy.sandbox.scenario import Fault, Scenario
from proxy.sandbox.server import Sandbox

HEADERS = {"Authorization": "Bearer any"}
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def sandbox():
    sandbox = await Sandbox.start({"openai": "openai", "groq": "openai"})
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        yield session


async def ask(client, sandbox, name="openai", **extra):
    async with client.post(sandbox.base_url(name) + "/chat/completions", json={**BODY, **extra}) as response:
        return response.status, await response.read()


async def test_each_provider_has_its_own_port_and_name(sandbox, client):
    assert sandbox.url("openai") != sandbox.url("groq")
    assert sandbox.base_url("openai") == sandbox.url("openai") + "/v1"
    _, body = await ask(client, sandbox, "groq")
    assert b"Hello from groq (gpt-4o), simulated. You said: hi" in body


async def test_received_requests_are_recorded(sandbox, client):
    await ask(client, sandbox)
    [received] = sandbox.requests("openai")
    assert (received.method, received.path) == ("POST", "/v1/chat/completions")
    assert received.headers["authorization"] == "Bearer any"
    assert b'"gpt-4o"' in received.body
    assert sandbox.requests("groq") == []


async def test_a_stopped_provider_refuses_connections_until_it_is_restored(sandbox, client):
    await ask(client, sandbox)
    await sandbox.stop("openai")
    await sandbox.stop("openai")
    assert sandbox.scenario("openai").fault == Fault("down")
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(client, sandbox)
    assert (await ask(client, sandbox, "groq"))[0] == 200
    before = sandbox.url("openai")
    await sandbox.restore("openai")
    assert sandbox.url("openai") == before
    assert (await ask(client, sandbox))[0] == 200


async def test_stopping_breaks_responses_in_flight(client):
    async def forever(seconds):
        started.set_result(None)
        await asyncio.Event().wait()

    started = asyncio.get_running_loop().create_future()
    sandbox = await Sandbox.start({"openai": "openai"}, environment=Environment(sleep=forever))
    await sandbox.set_scenario("openai", Scenario(chunk_delay_s=1))
    async with client.post(sandbox.base_url("openai") + "/chat/completions", json={**BODY, "stream": True}) as response:
        await started
        await sandbox.stop("openai")
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    await sandbox.close()


@pytest.mark.parametrize(
    "scenario, stream, waits",
    [
        (Scenario(), True, []),
        (Scenario(latency_s=2), True, [2]),
        (Scenario(latency_s=2, chunk_delay_s=9), False, [2]),
        (Scenario(latency_s=2, chunk_delay_s=0.1), True, [2, 0.1, 0.1, 0.1, 0.1, 0.1]),
    ],
)
async def test_delays_come_before_the_first_byte_and_between_events(client, scenario, stream, waits):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    sandbox = await Sandbox.start({"openai": "openai"}, environment=Environment(sleep=sleep))
    await sandbox.set_scenario("openai", scenario)
    _, body = await ask(client, sandbox, stream=stream)
    await sandbox.close()
    assert slept == waits
    assert not stream or body.endswith(b"data: [DONE]\n\n")


async def test_a_taken_port_is_an_error(sandbox):
    taken = int(sandbox.url("openai").rpartition(":")[2])
    with pytest.raises(OSError):
        await Sandbox.start({"a": "openai", "b": "openai"}, {"b": taken})


@pytest.mark.parametrize("members", [{"messages": [{"role": "user", "content": [1]}]}, {"tools": [7]}])
async def test_a_nested_type_error_in_the_body_is_a_400(sandbox, client, members):
    status, body = await ask(client, sandbox, **members)
    assert status == 400 and b"shape" in body


async def test_a_body_of_three_megabytes_is_accepted(sandbox, client):
    body = json.dumps({**BODY, "messages": [{"role": "user", "content": "x" * 3_000_000}]}).encode()
    async with client.post(sandbox.base_url("openai") + "/chat/completions", data=io.BytesIO(body)) as response:
        assert response.status == 200
    assert sandbox.requests("openai")[0].body == body
