"""Policies in routing.yaml, with a running sidecar: what a key or a model may use, and what says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from proxy.config.document import ConfigError
from proxy.sandbox.scenario import Fault
from tests.running import HELLO, RunningSidecar, build_generation, run_sidecar
from tests.virtual_time import virtual_clocks, virtual_time

FILE = """
pipeline:
  - access_log
  - auth:
      keys:
        - {name: app, value: app-key-1}
        - {name: legal, value: legal-key-1, policy: {data_residency: EU}}
        - {name: broken, value: broken-key-1, policy: {exclude_providers: [one, two]}}
  - header_policy
  - limits
  - strategy
  - sse_passthrough
  - failover: {hedge: {after: 5s, budget: 100%}}
  - translate
defaults: {policy: {provider_preference: [one]}}
providers:
  one: {dialect: openai, base_url: "http://127.0.0.1:1/v1", timeouts: {response: 60s},
        regions: {us-east-1: {}, eu-west-1: {}}}
  two: {dialect: openai, base_url: "http://127.0.0.1:1/v1", regions: {eu-west-1: {}}}
models:
  m: {one: m-one, two: m-two}
  us: {targets: {one: m-one, two: m-two}, policy: {data_residency: US, route_explain: true}}
  once: {targets: {one: m-one, two: m-two}, failover: {max_retries: 0}}
  patient: {targets: {one: m-one, two: m-two}, failover: {hedge: off}}
  cut: {targets: {one: m-one, two: m-two}, failover: {resume: off}}
"""


IN_EUROPE = {"X-Provider-Regions": "eu-west-1"}
"""One target of each provider."""


@pytest.fixture
async def started() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(FILE) as running:
        yield running


async def post(
    started: RunningSidecar, path: str = "chat/completions", key: str = "app", **options: Any
) -> tuple[int, Any, Any]:
    """Send a request with a key; return status, headers and JSON."""
    headers = {"Authorization": f"Bearer {key}-key-1", **options.pop("headers", {})}
    body = {"model": "m", "messages": HELLO, **options}
    async with aiohttp.request("POST", f"{started.url}/v1/{path}", json=body, headers=headers) as answer:
        return answer.status, answer.headers, await answer.json()


@pytest.mark.parametrize(
    ("key", "model", "headers", "status", "region"),
    [
        ("app", "m", {"X-Provider": "two"}, 200, "eu-west-1"),
        ("legal", "m", {}, 200, "eu-west-1"),
        ("legal", "m", {"X-Provider-Regions": "us-east-1"}, 400, None),
        ("legal", "one/m-one", {}, 200, "eu-west-1"),
        ("app", "us", {}, 200, "us-east-1"),
        ("legal", "us", {}, 400, None),
        ("app", "us", {"X-Provider": "two"}, 400, None),
        ("broken", "m", {}, 400, None),
    ],
)
async def test_a_request_stays_within_the_policies_of_its_key_and_model(
    started: RunningSidecar, key: str, model: str, headers: dict[str, str], status: int, region: str | None
) -> None:
    found, response, _ = await post(started, key=key, model=model, headers=headers)
    assert (found, response.get("X-Provider-Region")) == (status, region)


@pytest.mark.parametrize(
    ("key", "model", "headers", "message"),
    [
        ("legal", "us", {}, "no provider may serve 'us': its policies contradict each other: data_residency of model and key"),
        ("broken", "m", {}, "no provider may serve 'm': one: in_exclude_providers (key); two: in_exclude_providers (key)"),
        ("broken", "m", {"X-Exclude-Providers": "one"},
         "no provider may serve 'm': one: in_exclude_providers (key, request); two: in_exclude_providers (key, request)"),
        ("app", "m", {"X-Exclude-Providers": "one,two"},
         "no provider may serve 'm': one: in_exclude_providers (request); two: in_exclude_providers (request)"),
    ],
)  # fmt: skip
async def test_an_empty_set_is_an_error_that_names_the_levels(
    started: RunningSidecar, key: str, model: str, headers: dict[str, str], message: str
) -> None:
    status, _, body = await post(started, key=key, model=model, headers=headers)
    assert (status, body["error"]["code"], body["error"]["message"]) == (400, "no_eligible_provider", message)


async def test_a_dry_run_shows_the_level_of_each_constraint(started: RunningSidecar) -> None:
    status, _, body = await post(started, "route", key="legal", model="m", headers={"X-Exclude-Providers": "two"})
    assert status == 200 and [step["target"] for step in body["plan"]] == ["one@eu-west-1/m-one"]
    assert body["policy"] == {"exclude_providers": ["two"], "data_residency": "EU", "provider_preference": ["one"]}
    assert body["policy_sources"] == {
        "provider_preference": ["defaults"], "data_residency": ["key"], "exclude_providers": ["request"]
    }  # fmt: skip
    assert body["excluded"] == [
        {"target": "one@us-east-1/m-one", "provider": "one", "reason": "data_residency", "levels": ["key"]},
        {"target": "two@eu-west-1/m-two", "provider": "two", "reason": "in_exclude_providers", "levels": ["request"]},
    ]


async def test_a_dry_run_of_contradicting_policies_has_an_empty_plan(started: RunningSidecar) -> None:
    status, _, body = await post(started, "route", key="legal", model="us")
    assert (status, body["plan"], body["policy_conflict"]) == (200, [], "data_residency of model and key")


async def test_costs_are_those_within_the_policies(started: RunningSidecar) -> None:
    _, _, body = await post(started, "costs/analyze", key="broken", prompt_tokens=1, completion_tokens=1)
    assert {row["reason"] for row in body.values()} == {"in_exclude_providers"}


async def test_a_live_request_explains_the_levels_too(started: RunningSidecar) -> None:
    _, _, body = await post(started, model="us")
    assert body["routing"]["policy_sources"]["data_residency"] == ["model"]


@pytest.mark.parametrize(("model", "attempts"), [("m", "4"), ("once", "1")])
async def test_a_model_has_its_own_number_of_retries(started: RunningSidecar, model: str, attempts: str) -> None:
    for name in ("one", "two"):
        await started.sandbox.set_fault(name, Fault("status", status=529))
    _, headers, _ = await post(started, model=model, headers={"X-Route-Explain": "true"})
    assert headers["X-Provider-Attempts"] == ("3" if attempts == "4" else attempts)


@pytest.mark.parametrize(("model", "hedges"), [("m", 1), ("patient", 0)])
@virtual_time
async def test_a_model_has_its_own_hedging(model: str, hedges: int) -> None:
    with virtual_clocks():
        async with run_sidecar(FILE) as started:
            await started.sandbox.set_fault("one", Fault("stall"))
            status, _, _ = await post(started, model=model, stream=False, headers=IN_EUROPE)
            counted = started.sidecar.handler.runtime.telemetry.counters.hedges
            assert status == 200 and counted["two", "started"] == hedges


@pytest.mark.parametrize(("model", "resumes"), [("m", 1), ("cut", 0)])
async def test_a_model_has_its_own_resume(started: RunningSidecar, model: str, resumes: int) -> None:
    await started.sandbox.set_fault("one", Fault("cut", after=3))
    headers = {"Authorization": "Bearer app-key-1", **IN_EUROPE}
    body = {"model": model, "messages": HELLO, "stream": True}
    async with aiohttp.request("POST", f"{started.url}/v1/chat/completions", json=body, headers=headers) as answer:
        assert b"upstream_disconnected" in await answer.read()  # another simulated provider has another answer
    assert len(started.sandbox.requests("two")) == resumes


def test_errors_of_a_key_and_of_policies_are_reported_together() -> None:
    text = FILE.replace("{name: app, value: app-key-1}", "{name: app}").replace(
        "data_residency: US", "data_residency: X"
    )
    with pytest.raises(ConfigError) as caught:
        build_generation(text)
    lines = str(caught.value).splitlines()
    assert (
        len(lines) == 2 and "keys[0].value: is missing" in lines[0] and "models.us.policy.data_residency: " in lines[1]
    )


def test_an_error_in_a_policy_shows_no_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        build_generation(FILE.replace("[one]}}", "['${SECRET}']}}", 1), {"SECRET": "sk-canary-0123456789"})
    assert "defaults.policy.provider_preference" in str(caught.value) and "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("policy: {data_residency: EU}", "policy: {data_residency: MARS}",
         "7:70: pipeline[1].auth.keys[1].policy.data_residency: no zone 'MARS'; allowed: "),
        ("provider_preference: [one]", "provider_preference: [three]",
         "15:42: defaults.policy.provider_preference: no provider 'three'; allowed: one, two"),
        ("policy: {data_residency: US, route_explain: true}", "policy: {residency: US}",
         "22:63: models.us.policy.residency: unknown key; did you mean 'data_residency'?"),
    ],
)  # fmt: skip
def test_an_error_in_a_policy_has_its_place(old: str, new: str, line: str) -> None:
    assert old in FILE
    with pytest.raises(ConfigError) as caught:
        build_generation(FILE.replace(old, new))
    (problem,) = str(caught.value).splitlines()
    assert problem.startswith(f"routing.yaml:{line}")
