"""`ParrotRouter` is an `openai.OpenAI` with methods for the sidecar's own endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.client import ParrotRouter
from tests.running import HELLO, RunningSidecar, run_sidecar

PRICED = """
pipeline: [access_log, auth, header_policy, limits, strategy, sse_passthrough, failover, translate]
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}
models:
  m: {first: {model: m-one, price: {input: 30, output: 60}}, second: m-two}
"""


@pytest.fixture
async def two() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(PRICED) as started:
        yield started


def router(started: RunningSidecar) -> ParrotRouter:
    return ParrotRouter(base_url=f"{started.url}/v1", max_retries=0)


async def test_it_is_an_openai_client(two: RunningSidecar) -> None:
    with router(two) as client:
        answer = await asyncio.to_thread(client.chat.completions.create, model="m", messages=HELLO)
    assert "Hello from" in (answer.choices[0].message.content or "")


async def test_costs_are_per_provider(two: RunningSidecar) -> None:
    with router(two) as client:
        costs = await asyncio.to_thread(client.analyze_costs, model="m", prompt_tokens=500, completion_tokens=500)
    assert costs["first"] == {"cost": 0.045, "available": True, "target": "first@global/m-one"}
    assert costs["second"]["cost"] is None


async def test_a_plan_is_made_without_calling_a_provider(two: RunningSidecar) -> None:
    def planned() -> Any:
        with router(two) as client:
            return client.route(model="m", messages=HELLO, extra_headers={"X-Provider": "first"}, temperature=0)

    decision = await asyncio.to_thread(planned)
    assert [step["provider"] for step in decision["plan"]] == ["first"]
    assert [each["reason"] for each in decision["excluded"]] == ["not_in_provider"]


async def test_errors_are_the_sdks_exceptions(two: RunningSidecar) -> None:
    with router(two) as client, pytest.raises(openai.NotFoundError):
        await asyncio.to_thread(client.analyze_costs, model="n", prompt_tokens=1, completion_tokens=1)


async def test_health_and_performance_use_their_paths() -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"requested": f"{request.method} {request.path_qs}"})

    application = web.Application()
    application.router.add_get("/v1/{path:.*}", echo)
    async with TestServer(application) as server:
        with ParrotRouter(base_url=str(server.make_url("/v1"))) as client:
            health = await asyncio.to_thread(client.providers_health)
            performance = await asyncio.to_thread(client.providers_performance, window="10m")
    assert health == {"requested": "GET /v1/providers/health"}
    assert performance == {"requested": "GET /v1/providers/performance?window=10m"}


@pytest.mark.parametrize(
    ("given", "environ", "key"), [(None, None, "unused"), (None, "from-it", "from-it"), ("given", "from-it", "given")]
)
def test_the_key_comes_from_the_argument_or_the_environment(
    given: str | None, environ: str | None, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARROT_API_KEY", environ or "")
    monkeypatch.setenv("OPENAI_API_KEY", "not-this-one")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://not.there/v1")
    with ParrotRouter(api_key=given) as client:
        assert (client.api_key, str(client.base_url)) == (key, "http://127.0.0.1:8090/v1/")


def test_a_copy_keeps_the_type() -> None:
    with ParrotRouter(api_key="k") as client:
        copied = client.with_options(timeout=5)
        assert isinstance(copied, ParrotRouter) and copied.api_key == "k"
