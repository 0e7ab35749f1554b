"""A local model first, a provider only while it is down: three lines of routing.yaml, with a running sidecar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from proxy.sandbox.scenario import Fault
from tests.running import HELLO, RunningSidecar, run_sidecar
from tests.virtual_time import virtual_clocks, virtual_time

LOCAL_FIRST = """
pipeline:
  - access_log
  - auth
  - header_policy
  - limits
  - strategy: {default: STRATEGY}
  - sse_passthrough
  - failover: {hedge: {after: 5s, budget: 100%}}
  - translate
providers:
  local: {dialect: compatible, base_url: "http://127.0.0.1:1/v1", timeouts: {first_token: 10m, response: 10m}}
  openai: {dialect: openai, base_url: "http://127.0.0.1:1/v1", WEIGHT}
models:
  m:
    targets:
      local: {model: qwen3, price: {input: 9, output: 9}}
      openai: {model: gpt-4o-mini, priority: PRIORITY}
"""


@asynccontextmanager
async def local_first(
    priority: int = 1, weight: float = 1, strategy: str = "automatic"
) -> AsyncIterator[tuple[RunningSidecar, aiohttp.ClientSession]]:
    text = LOCAL_FIRST.replace("PRIORITY", str(priority)).replace("WEIGHT", f"weight: {weight}")
    with virtual_clocks():
        async with run_sidecar(text.replace("STRATEGY", strategy)) as started, aiohttp.ClientSession() as http:
            yield started, http


async def served_by(started: RunningSidecar, http: aiohttp.ClientSession, **options: Any) -> tuple[str | None, str]:
    """Return the provider that served a request, and the number of attempts."""
    headers = options.pop("headers", {})
    body = {"model": "m", "messages": HELLO, **options}
    async with http.post(f"{started.url}/v1/chat/completions", json=body, headers=headers) as answer:
        await answer.read()
        return answer.headers.get("X-Provider"), answer.headers["X-Provider-Attempts"]


@pytest.mark.parametrize("strategy", ["automatic", "cost-optimized", "performance", "round-robin", "least-busy"])
@virtual_time
async def test_the_provider_is_used_only_while_the_local_model_is_down(strategy: str) -> None:
    async with local_first(strategy=strategy) as (started, http):
        for _ in range(4):
            assert await served_by(started, http) == ("local", "1")
        await started.sandbox.stop("local")
        assert await served_by(started, http) == ("openai", "2")
        await started.sandbox.restore("local")
        assert await served_by(started, http) == ("local", "1")
        assert len(started.sandbox.requests("openai")) == 1


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("priority", "weight", "leaves"), [(1, 1, False), (1, 0, False), (0, 0, False), (0, 1e-9, True)]
)
@pytest.mark.parametrize("headers", [{}, {"X-Max-Latency-Ms": "1000"}])
@virtual_time
async def test_no_prompt_leaves_because_the_local_model_loads_slowly(
    stream: bool, priority: int, weight: float, leaves: bool, headers: dict[str, str]
) -> None:
    async with local_first(priority, weight) as (started, http):
        await started.sandbox.set_fault("local", Fault("slow", seconds=100))
        started.pace.hold(after=0)
        request = asyncio.create_task(served_by(started, http, stream=stream, headers=headers))
        await asyncio.sleep(60)
        assert len(started.sandbox.requests("openai")) == leaves
        started.pace.release()
        assert await request == (("openai", "2") if leaves else ("local", "1"))


@virtual_time
async def test_a_chain_of_the_request_lifts_priority_and_weight_0() -> None:
    async with local_first(priority=1, weight=0) as (started, http):
        assert await served_by(started, http) == ("local", "1")
        assert await served_by(started, http, headers={"X-Provider-Fallbacks": "openai,local"}) == ("openai", "1")


@virtual_time
async def test_a_preference_that_loses_to_a_priority_is_a_warning() -> None:
    async with local_first() as (started, http):
        body, headers = {"model": "m", "messages": HELLO}, {"X-Provider-Preference": "openai"}
        async with http.post(f"{started.url}/v1/chat/completions", json=body, headers=headers) as answer:
            assert answer.headers["X-Provider"] == "local"
            assert answer.headers["X-Routing-Warnings"] == "preference-overridden;provider=openai;by=priority"
