"""What is not the provider's fault never counts against it: the caller's own limits, and those of the sidecar."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from proxy.sse import encode
from tests.faults.rehearsal import ClientResult, Rehearsal, rehearsal, routing_yaml
from tests.faults.server import FIN, RECV, FaultServer, Script, http_chunk, http_response, send
from tests.faults.wire_formats import CLOSING, TEXT, WIRE_FORMATS, error_response, event, stream_head
from tests.virtual_time import virtual_time

OPENAI = WIRE_FORMATS["openai"]
REPEATED = 6
"""Failures in a row that would open a circuit breaker."""


async def health(running: Rehearsal, name: str) -> tuple[str, float | None]:
    """Return status and uptime of a provider, as the health endpoint reports them."""
    async with running.session.get(f"{running.sidecar.url}/v1/providers/health") as got:
        [row] = [row for row in (await got.json())["providers"] if row["name"] == name]
        return row["status"], row["uptime_percentage"]


def failover_config(**limits: Any) -> dict[str, str]:
    rule = {"provider": "second", "trigger": ["any"], **limits}
    return {"X-Failover-Config": json.dumps({"primary_provider": "first", "fallback_rules": [rule]})}


async def repeat(running: Rehearsal, stream: bool, headers: Mapping[str, str]) -> ClientResult:
    """Send as many requests as would open a breaker, and return the result of the last."""
    for _ in range(REPEATED - 1):
        await running.send_chat(stream, headers)
    return await running.send_chat(stream, headers)


@pytest.mark.parametrize("stream", [True, False])
@virtual_time
async def test_a_fallback_that_the_request_cuts_off_is_not_at_fault(stream: bool) -> None:
    silent: Script = [RECV]
    scripts = [silent] * REPEATED + [OPENAI.response_script(stream)]
    async with rehearsal(routing_yaml(), [error_response(500)], scripts) as running:
        result = await repeat(running, stream, failover_config(max_additional_latency_ms=1000))
        outcomes = {each["provider"]: each["outcome"] for each in result.errors[0]["attempts"]}
        assert (result.status, outcomes["second"]) == (504, "upstream_timeout")
        assert running.calls[1] == REPEATED
        assert await health(running, "second") == ("healthy", None)
        assert (await running.send_chat(stream, {"X-Provider": "second"})).text == TEXT


@pytest.mark.parametrize("stream", [True, False])
@virtual_time
async def test_a_fallback_that_exceeds_its_own_timeout_is_at_fault_whatever_the_request_allows(stream: bool) -> None:
    patient = routing_yaml().replace('"http://second"', '"http://second", timeouts: {first_token: 60s, response: 60s}')
    async with rehearsal(patient, [error_response(500)], [[RECV]]) as running:
        await repeat(running, stream, failover_config(max_additional_latency_ms=3_600_000))
        status, uptime = await health(running, "second")
        assert (status, uptime) == ("down", 0)


@virtual_time
async def test_an_answer_over_64_mib_is_an_honest_error_without_another_attempt() -> None:
    part = send(b"x" * 2**20)
    huge: Script = [RECV, send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"), *[part] * 65]
    scripts = [huge] * REPEATED + [OPENAI.response_script(False)]
    async with rehearsal(routing_yaml(), scripts, [OPENAI.response_script(False)]) as running:
        result = await repeat(running, False, {})
        assert (result.status, result.errors[0]["code"]) == (502, "response_too_large")
        assert "over 64 MiB, the limit" in result.errors[0]["message"]
        assert result.headers["X-Should-Retry"] == "false" and result.headers["X-Provider-Attempts"] == "1"
        assert running.calls == (REPEATED, 0)
        assert await health(running, "first") == ("healthy", None)
        assert (await running.send_chat(False)).provider == "first"


def large_event() -> list[Any]:
    """Return the operations that send an event of 9 MiB."""
    return [send(http_chunk(b"data: ")), *[send(http_chunk(b"x" * 2**20))] * 9]


@virtual_time
async def test_a_first_event_over_8_mib_is_an_honest_error_without_another_attempt() -> None:
    first: Script = [RECV, send(stream_head()), *map(event, OPENAI.opening), *large_event()]
    async with rehearsal(routing_yaml(), [first], [OPENAI.response_script(True)]) as running:
        result = await running.send_chat()
        assert (result.status, result.errors[0]["code"]) == (502, "response_too_large")
        assert running.calls == (1, 0) and await health(running, "first") == ("healthy", None)


@pytest.mark.parametrize("dialect", WIRE_FORMATS)
@virtual_time
async def test_a_later_event_over_8_mib_ends_the_stream_and_is_no_fault(dialect: str) -> None:
    script = WIRE_FORMATS[dialect].stream_script(*large_event(), after=9)
    async with rehearsal(routing_yaml(dialect), [script], [OPENAI.response_script(True)]) as running:
        result = await repeat(running, True, {})
        assert [error["code"] for error in result.errors] == ["response_too_large"] and result.done == 0
        assert result.text == "".join(f" word{number}" for number in range(9))
        assert running.calls == (REPEATED, 0)
        assert (await health(running, "first"))[0] == "healthy"


@virtual_time
async def test_a_lack_of_memory_for_an_answer_is_the_sidecars_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("proxy.dialects.openai.response.record_chunk", fail)
    async with rehearsal(routing_yaml(), [OPENAI.response_script(False)], [OPENAI.response_script(False)]) as running:
        result = await repeat(running, False, {})
        assert (result.status, result.errors[0]["code"]) == (503, "sidecar_overloaded")
        assert running.calls == (REPEATED, 0) and await health(running, "first") == ("healthy", None)


@virtual_time
async def test_a_lack_of_memory_within_a_stream_ends_it_and_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    poison = encode(b'{"type":"error","message":"x"}')
    monkeypatch.setattr("proxy.dialects.openai.stream.record_event", fail)
    script = OPENAI.stream_script(event(poison), after=9)
    async with rehearsal(routing_yaml(), [script], [OPENAI.response_script(True)]) as running:
        result = await running.send_chat()
        assert [error["code"] for error in result.errors] == ["sidecar_overloaded"] and result.done == 0
        assert running.calls == (1, 0) and (await health(running, "first"))[0] == "healthy"


REFUSES: Script = [RECV, send(http_response(b"", status="407 Proxy Authentication Required", headers=CLOSING)), FIN]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("scheme", ["http", "https"])
@virtual_time
async def test_a_forward_proxy_that_refuses_is_not_the_providers_fault(
    scheme: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = routing_yaml(alone=True).replace("http://first", f"{scheme}://provider.test")
    async with FaultServer(REFUSES) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{proxy.port}")
        async with rehearsal(file) as running:
            result = await repeat(running, stream, {})
            assert (result.status, result.errors[0]["code"]) == (502, "egress_failed")
            assert "407" in result.errors[0]["message"]
            assert len(proxy.requests) == REPEATED and await health(running, "first") == ("healthy", None)


@virtual_time
async def test_a_silent_forward_proxy_is_not_the_providers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("proxy.upstream.http1.dial.connect", hang)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    async with rehearsal(routing_yaml(alone=True).replace("http://first", "https://provider.test")) as running:
        result = await repeat(running, False, {})
        assert (result.status, result.errors[0]["code"]) == (502, "egress_failed")
        assert "cannot connect to the proxy 127.0.0.1: no response in time" in result.errors[0]["message"]
        assert await health(running, "first") == ("healthy", None)
