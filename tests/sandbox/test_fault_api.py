"""The fault API lists providers, sets and clears faults, and rejects invalid commands with what is allowed."""

from __future__ import annotations

import aiohttp
import pytest

from proxy.sandbox.server import Sandbox


@pytest.fixture
async def sandbox():
    sandbox = await Sandbox.start({"openai": "openai", "anthropic": "anthropic"})
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def command(sandbox):
    async with aiohttp.ClientSession(sandbox.control_url) as session:

        async def send(method, path, **body):
            async with session.request(method, path, **body) as response:
                return response.status, await response.json()

        yield send


async def test_the_overview_lists_providers_with_urls_and_scenarios(sandbox, command):
    status, got = await command("GET", "/")
    assert status == 200
    assert got["providers"] == {
        name: {"base_url": sandbox.base_url(name), "latency": 0.0, "chunk_delay": 0.0, "fault": None}
        for name in ("openai", "anthropic")
    }
    assert got["faults"]["status"] == ["status", "retry_after", "times", "probability"]


async def test_a_fault_can_be_set_shown_and_cleared(sandbox, command):
    wanted = {"fault": "status", "status": 503, "times": 2}
    status, got = await command("PUT", "/providers/openai", json=wanted)
    assert status == 200
    assert got["fault"] == {**wanted, "retry_after": None, "probability": 1.0}
    assert (await command("GET", "/providers/openai"))[1] == got
    assert (await command("GET", "/providers/anthropic"))[1]["fault"] is None
    status, got = await command("DELETE", "/providers/openai/fault")
    assert (status, got["fault"]) == (200, None)
    assert sandbox.scenario("openai").fault is None


async def test_down_is_set_and_cleared_like_any_fault(sandbox, command):
    await command("PUT", "/providers/openai", json={"fault": "down"})
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(sandbox.base_url("openai") + "/models")
        await command("DELETE", "/providers/openai/fault")
        async with client.get(sandbox.base_url("openai") + "/models") as response:
            assert response.status == 401


@pytest.mark.parametrize(
    "method, path, body, status, field, reason",
    [
        ("PUT", "/providers/openai", {"json": {"fault": "x"}}, 400, "fault", "allowed: slow"),
        ("PUT", "/providers/openai", {"json": {"fault": "cut", "aftr": 1}}, 400, "aftr", "allowed: after"),
        ("PUT", "/providers/openai", {"data": b"{"}, 400, "body", "JSON"),
        ("PUT", "/providers/azure", {"json": {"fault": "cut"}}, 404, None, "available: openai, anthropic"),
        ("DELETE", "/providers/azure/fault", {}, 404, None, "unknown provider 'azure'"),
        ("POST", "/", {}, 404, None, "unknown path POST /; available: GET /"),
        ("GET", "/nothing", {}, 404, None, "PUT /providers/NAME"),
    ],
)
async def test_an_invalid_command_is_rejected(command, method, path, body, status, field, reason):
    got_status, got = await command(method, path, **body)
    assert (got_status, got["error"]["field"]) == (status, field)
    assert reason in got["error"]["message"]


@pytest.mark.parametrize("headers", [{"Host": "evil.test"}, {"Origin": "https://evil.test"}])
async def test_requests_of_a_web_page_are_rejected(sandbox, command, headers):
    status, got = await command("PUT", "/providers/openai", json={"fault": "down"}, headers=headers)
    assert (status, "evil.test" in got["error"]["message"]) == (403, True)
    assert sandbox.scenario("openai").fault is None
