"""`POST /v1/route`: the dry run returns the plan and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from proxy.resilience.refusal_memory import RefusedMember
from tests.running import HELLO, RunningSidecar, run_sidecar

TWO = """
pipeline:
  [access_log, auth, header_policy, limits, {strategy: {default: round-robin}}, sse_passthrough, failover, translate]
providers:
  first: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}
  second: {dialect: openai, base_url: "http://127.0.0.1:1/v1", regions: {eu-west-3: {residency: EU}}}
models:
  m: {first: m-one, second: m-two}
"""


@pytest.fixture
async def two() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(TWO) as started:
        yield started


async def dry_run(two: RunningSidecar, headers: dict[str, str] | None = None, **members: Any) -> Any:
    async with two.client(default_headers=headers) as client:
        return await client.post("/route", cast_to=object, body={"model": "m", "messages": HELLO, **members})


async def test_the_plan_has_scores_and_the_excluded_targets_reasons(two: RunningSidecar) -> None:
    decision = await dry_run(two, {"X-Data-Residency": "EU", "X-Request-Id": "r-1"})
    (step,) = decision.pop("plan")
    assert isinstance(step.pop("score"), float)
    assert step == {
        "target": "second@eu-west-3/m-two",
        "provider": "second",
        "region": "eu-west-3",
        "model": "m-two",
        "priority": 0,
        "weight": 1.0,
    }
    assert decision == {
        "request_id": "r-1",
        "model": "m",
        "strategy": "round-robin",
        "window_s": 300,
        "policy": {"data_residency": "EU"},
        "excluded": [{"target": "first@global/m-one", "provider": "first", "reason": "data_residency"}],
    }


async def test_a_target_that_has_refused_a_parameter_is_shown_as_excluded(two: RunningSidecar) -> None:
    runtime = two.sidecar.handler.runtime
    runtime.resilience.refused_members.record("first@global/m-one", RefusedMember("temperature"), runtime.clock())
    assert [step["provider"] for step in (await dry_run(two))["plan"]] == ["first", "second"]
    decision = await dry_run(two, temperature=0.3)
    assert [step["provider"] for step in decision["plan"]] == ["second"]
    assert decision["excluded"][0]["reason"] == "unsupported_params: temperature"


async def test_a_dry_run_calls_no_provider_and_records_nothing(two: RunningSidecar) -> None:
    headers = {"X-Session-Id": "s-1"}
    plans = [(await dry_run(two, headers))["plan"] for _ in range(3)]
    first = {plan[0]["provider"] for plan in plans}
    runtime = two.sidecar.handler.runtime
    assert len(first) == 1 and not runtime.routing.round_robin.picks
    assert runtime.routing.affinity.get((None, "s-1"), runtime.clock()) is None
    assert [line["attempts"] for line in two.log.lines] == [[], [], []]


async def test_a_live_request_follows_the_plan_of_its_dry_run(two: RunningSidecar) -> None:
    async with two.client() as client:
        for _ in range(4):
            expected = (await dry_run(two))["plan"][0]["provider"]
            answer = await client.chat.completions.create(model="m", messages=HELLO)
            assert answer.provider == expected


async def test_no_eligible_target_is_a_200_with_an_empty_plan(two: RunningSidecar) -> None:
    decision = await dry_run(two, {"X-Max-Cost-Per-Request": "0.01"})
    assert decision["plan"] == []
    assert {each["reason"] for each in decision["excluded"]} == {"unknown_price"}


@pytest.mark.parametrize(
    ("headers", "members", "status", "code"),
    [
        ({}, {"model": "mm"}, 404, "model_not_found"),
        ({}, {"messages": "x"}, 400, "invalid_type"),
        ({"X-Provider": "z"}, {}, 400, "invalid_header"),
        ({}, {"routing": {"provider": "z"}}, 400, "invalid_header"),
        ({}, {"x": "x" * (33 * 2**20)}, 413, "request_too_large"),
    ],
)
async def test_a_dry_run_rejects_what_a_live_request_rejects(
    two: RunningSidecar, headers: dict[str, str], members: dict[str, Any], status: int, code: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await dry_run(two, headers, **members)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert two.sidecar.handler.runtime.load.buffered_bytes == 0


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/route"), ("GET", "/v1/providers/health"), ("GET", "/v1/models")]
)
async def test_the_sidecars_own_endpoints_stand_behind_limits(
    two: RunningSidecar, http: aiohttp.ClientSession, method: str, path: str
) -> None:
    load = two.sidecar.handler.runtime.load
    load.requests = 1000
    async with http.request(method, two.url + path, json={}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (503, "sidecar_overloaded")
    assert load.requests == 1000


@pytest.mark.parametrize(
    ("query", "headers", "members", "translated"),
    [
        ("?api=messages", {}, {"messages": HELLO, "max_tokens": 5}, True),
        ("", {"anthropic-version": "2023-06-01"}, {"messages": HELLO, "max_tokens": 5}, True),
        ("?api=responses", {}, {"input": "Hello"}, False),
        ("", {}, {"input": "Hello"}, False),
        ("", {}, {"contents": [{"parts": [{"text": "Hello"}]}]}, True),
        ("", {}, {"messages": HELLO}, False),
        ("?api=embeddings", {}, {"input": "Hello"}, False),
    ],
)
async def test_a_request_of_any_client_api_is_explained(
    two: RunningSidecar, query: str, headers: dict[str, str], members: dict[str, Any], translated: bool
) -> None:
    body = {"model": "m", **members}
    async with aiohttp.request("POST", f"{two.url}/v1/route{query}", json=body, headers=headers) as answer:
        plan = (await answer.json())["plan"]
    assert [step.get("translated", False) for step in plan] == [translated] * 2


async def test_an_unknown_client_api_is_a_400_with_the_known_ones(two: RunningSidecar) -> None:
    async with aiohttp.request("POST", f"{two.url}/v1/route?api=soap", json={"model": "m"}) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["param"]) == (400, "api") and ", chat, " in error["message"]
