"""What clients of the Messages API send, at providers that speak it and at others. Over real sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.dialects.oracles import golden_files
from tests.fakes import FakeTransport, exchange, generation, request, start_request
from tests.ingress.anthropic_messages.golden import HERE, load, message_of, validate_message
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

CLAUDE_CODE = golden_files(HERE / "requests", "claude_code*.messages.json")
BETAS = "claude-code-20250219,context-management-2025-06-27,interleaved-thinking-2025-05-14"
HEADERS = {"anthropic-version": "2023-06-01", "anthropic-beta": BETAS, "x-api-key": "any", "x-app": "cli"}
FILE = six_providers().replace("  m: {", '  "claude-*": {')
NATIVE = """
pipeline: [header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  a: {dialect: anthropic, base_url: "https://a.test"}
models:
  m: {a: claude-sonnet-4-6}
"""


async def post(sidecar: RunningSidecar, provider: str, body: Any) -> tuple[int, Any, bytes]:
    """Send a request as Claude Code does. Returns status, headers and body."""
    url, headers = f"{sidecar.url}/v1/messages?beta=true", {**HEADERS, "X-Provider": provider}
    async with aiohttp.request("POST", url, json=body, headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


@pytest.mark.parametrize("file", CLAUDE_CODE)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_claude_codes_requests_are_served_by_every_provider(file: Path, provider: str) -> None:
    body = load(file)
    async with run_sidecar(FILE) as sidecar:
        status, headers, stream = await post(sidecar, provider, body)
        assert (status, headers["X-Provider"]) == (200, provider), stream
        assert message_of(stream)["stop_reason"] in ("end_turn", "tool_use")
        status, headers, whole = await post(sidecar, provider, {**body, "stream": False})
        assert status == 200 and validate_message(whole)["content"]
        assert headers["request-id"] == headers["X-Request-Id"]


async def test_betas_and_the_version_reach_anthropic_alone() -> None:
    body = load(HERE / "requests" / "claude_code_first_turn.messages.json")
    async with run_sidecar(FILE) as sidecar:
        for provider in PROVIDERS:
            await post(sidecar, provider, body)
            [call] = sidecar.sandbox.requests(provider)
            forwarded = {name.lower(): call.headers[name] for name in call.headers}
            expected = (BETAS, "2023-06-01") if provider == "anthropic" else (None, None)
            assert (forwarded.get("anthropic-beta"), forwarded.get("anthropic-version")) == expected
            assert "x-app" not in forwarded
        [call] = sidecar.sandbox.requests("anthropic")
        assert json.loads(call.body) == {**body, "model": "claude-sonnet-4-6"}


async def test_the_address_is_probed_before_anything_else() -> None:
    async with run_sidecar(FILE) as sidecar, aiohttp.request("HEAD", f"{sidecar.url}/") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_of_anthropic_passes_byte_for_byte(stream: bool) -> None:
    folder = HERE.parent.parent / "dialects" / "anthropic"
    name = "streams/server-tools.in.sse" if stream else "answers/server-tools.anthropic.json"
    data = (folder / name).read_bytes()
    one = exchange(
        request({}, "/v1/messages"),
        transport=FakeTransport([[data] if stream else (200, {}, [data])]),
        snap=generation(NATIVE).snapshot,
        raw=orjson.dumps(
            {"model": "m", "max_tokens": 5, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
        ),
    )
    client = start_request(one, generation(NATIVE).pipeline)
    await client.has_ended.wait()
    assert client.body == data


async def test_a_tool_that_only_anthropic_runs_is_left_out_elsewhere() -> None:
    hosted = {"type": "web_search_20250305", "name": "web_search"}
    own = {"name": "f", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    body = {
        "model": "claude-x",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [hosted, own],
    }
    async with run_sidecar(FILE) as sidecar:
        _, headers, _ = await post(sidecar, "anthropic", body)
        assert "X-Routing-Warnings" not in headers
        assert json.loads(sidecar.sandbox.requests("anthropic")[0].body)["tools"] == [hosted, own]
        _, headers, _ = await post(sidecar, "openai", body)
        assert headers["X-Routing-Warnings"] == "tool-dropped;name=web_search"
        assert [
            tool["function"]["name"] for tool in json.loads(sidecar.sandbox.requests("openai")[0].body)["tools"]
        ] == ["f"]


async def test_thinking_moves_between_vendors_without_an_error() -> None:
    tool = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    messages: list[Any] = [{"role": "user", "content": "get_weather"}]
    body = {"model": "claude-x", "max_tokens": 2000, "tools": [tool], "messages": messages}
    body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    async with run_sidecar(FILE) as sidecar:
        for provider in ("google", "anthropic", "google", "anthropic", "cohere"):
            status, _, data = await post(sidecar, provider, body)
            answer = json.loads(data)
            assert status == 200, answer
            calls = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
            results: Any = [{"type": "tool_result", "tool_use_id": id, "content": "sunny"} for id in calls]
            messages += [
                {"role": "assistant", "content": answer["content"]},
                {"role": "user", "content": results or "get_weather"},
            ]
        first, second = [json.loads(call.body) for call in sidecar.sandbox.requests("anthropic")]
        assert "thinking" not in first and "thinking" not in second  # both got the results of another vendor's calls
