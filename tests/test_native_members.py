"""Members named after a dialect reach its targets alone, whichever API the caller speaks."""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import orjson
import pytest

from proxy.sandbox.scenario import Fault
from tests.running import HELLO, RunningSidecar, run_sidecar
from tests.six_providers import PROVIDERS, six_providers

NATIVE: dict[str, Any] = {
    "openai": {"verbosity": "low", "metadata": {"team": "a"}},
    "anthropic": {"top_k": 7, "metadata": {"user_id": "u-1"}},
    "google": {"generationConfig": {"topK": 7}, "cachedContent": "cachedContents/1"},
    "mistral": {"safe_prompt": True},
    "cohere": {"safety_mode": "STRICT"},
    "meta": {"repetition_penalty": 1.1},
}
"""Members of each dialect that its simulated provider accepts. The others refuse them."""


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(six_providers()) as started:
        yield started


async def send(sidecar: RunningSidecar, provider: str, **members: Any) -> Any:
    headers = members.pop("headers", {})
    async with sidecar.client() as client:
        return await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={"X-Provider": provider, **headers},
            extra_body={**NATIVE, **members},
        )  # fmt: skip


async def post(sidecar: RunningSidecar, path: str, provider: str, body: dict[str, Any]) -> tuple[int, Any, Any]:
    headers = {"X-Provider": provider, "anthropic-version": "2023-06-01"}
    async with aiohttp.ClientSession() as http, http.post(sidecar.url + path, json=body, headers=headers) as response:
        return response.status, await response.json(), response.headers


def sent(sidecar: RunningSidecar, provider: str) -> dict[str, Any]:
    return orjson.loads(sidecar.sandbox.requests(provider)[-1].body)  # type: ignore[no-any-return]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_chat_sends_each_dialect_its_own_members(sidecar: RunningSidecar, provider: str, stream: bool) -> None:
    raw = await send(sidecar, provider, stream=stream)
    assert "x-routing-warnings" not in raw.headers
    assert_has_only_its_own(sent(sidecar, provider), NATIVE[provider])


def assert_has_only_its_own(body: dict[str, Any], members: dict[str, Any]) -> None:
    """Check that a request has these members, and none that only other dialects have."""
    foreign = {name for others in NATIVE.values() for name in others} - members.keys()
    assert foreign.isdisjoint(body) and PROVIDERS.keys().isdisjoint(body)
    for name, value in members.items():
        assert body[name] == value or body[name].items() >= value.items()


APIS = {
    "messages": ("/v1/messages", {"model": "m", "max_tokens": 99, "messages": HELLO}),
    "responses": ("/v1/responses", {"model": "m", "input": "Hello"}),
    "gemini": ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_every_client_api_may_have_them(sidecar: RunningSidecar, provider: str, api: str) -> None:
    path, body = APIS[api]
    members = NATIVE | ({"openai": {"metadata": {"team": "a"}}} if api == "responses" else {})
    status, answer, headers = await post(sidecar, path, provider, {**body, **members})
    assert status == 200, answer
    assert_has_only_its_own(sent(sidecar, provider), members[provider])
    assert "param-dropped" not in headers.get("x-routing-warnings", "")


async def test_they_are_merged_last_into_the_translated_request(sidecar: RunningSidecar) -> None:
    google = {"generation_config": {"temperature": None, "top_k": 3}, "safetySettings": None}
    await send(
        sidecar, "google", temperature=1.5, seed=4, safety_settings={"harm_block_threshold": "OFF"}, google=google
    )
    got = sent(sidecar, "google")
    assert got["generationConfig"] == {"seed": 4, "top_k": 3} and "safetySettings" not in got


async def test_another_target_of_the_plan_gets_its_own(sidecar: RunningSidecar) -> None:
    await sidecar.sandbox.set_fault("anthropic", Fault("status", status=529))
    raw = await send(sidecar, "anthropic,cohere", headers={"X-Provider-Preference": "anthropic,cohere"})
    assert raw.headers["x-provider"] == "cohere"
    assert sent(sidecar, "anthropic")["top_k"] == 7 and sent(sidecar, "cohere")["safety_mode"] == "STRICT"
    assert "top_k" not in sent(sidecar, "cohere")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"anthropic": "x"}, "anthropic"),
        ({"anthropic": {"model": "claude-opus-5"}}, "anthropic.model"),
        ({"google": {"generationConfig": {"candidateCount": 8}}}, "google.generationConfig.candidateCount"),
    ],
)
async def test_an_invalid_one_is_a_400_that_names_it_and_no_provider_is_asked(
    sidecar: RunningSidecar, members: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await send(sidecar, "openai", **members)
    assert caught.value.param == param and not sidecar.sandbox.requests("openai")


async def test_a_member_that_the_provider_does_not_know_is_the_callers_400(sidecar: RunningSidecar) -> None:
    for _ in range(2):  # no other request is kept from the target
        with pytest.raises(openai.BadRequestError, match="topp_k"):
            await send(sidecar, "anthropic", anthropic={"topp_k": 1})
    assert (await send(sidecar, "anthropic")).headers["x-provider-attempts"] == "1"


PRICED = """
providers: {a: {dialect: anthropic, base_url: "http://127.0.0.1:1"}}
models: {m: {a: {model: claude-sonnet-4-6, price: {input: 1, output: 1000}}}}
"""


async def test_a_limit_of_tokens_is_left_out_under_a_cost_ceiling() -> None:
    async with run_sidecar(PRICED) as started:
        raw = await send(started, "a", anthropic={"max_tokens": 60_000})
        assert sent(started, "a")["max_tokens"] == 60_000 and "x-routing-warnings" not in raw.headers
        raw = await send(started, "a", anthropic={"max_tokens": 60_000}, headers={"X-Max-Cost-Per-Request": "0.1"})
        assert sent(started, "a")["max_tokens"] < 100
        assert "param-dropped;name=anthropic.max_tokens" in raw.headers["x-routing-warnings"]


FILED = """
providers: {a: {dialect: anthropic, base_url: "http://127.0.0.1:1", regions: {eu-west-1: {body: {inference_geo: eu}}}}}
models:
  m: {a: {model: claude-sonnet-4-6, params: {set: {temperature: 0.5}, default: {anthropic: {top_k: 3}}}}}
  n: {a: {model: claude-sonnet-4-6, params: {drop: [anthropic]}}}
"""


async def test_they_win_over_params_and_the_files_body_wins_over_them() -> None:
    members = {"temperature": 0.1, "inference_geo": "us"}
    async with run_sidecar(FILED) as started:
        await send(started, "a", anthropic=members)
        got = sent(started, "a")
        assert (got["temperature"], got["inference_geo"], "top_k" in got) == (0.1, "eu", False)
        await send(started, "a", anthropic=None)
        raw = await send(started, "a", model="n", anthropic=members)
        got = sent(started, "a")
        assert "temperature" not in got and got["inference_geo"] == "eu"
        assert raw.headers["x-routing-warnings"] == "param-dropped;name=anthropic"


async def test_the_documented_members_reach_their_providers(sidecar: RunningSidecar) -> None:
    page = (Path(__file__).parent.parent / "docs/reference/providers.md").read_text()
    documented = ast.literal_eval(re.search(r"extra_body=(\{.*?\n    \})", page, re.DOTALL)[1])  # type: ignore[index]
    for provider, members in documented.items():
        await send(sidecar, provider, **documented)
        got = sent(sidecar, provider)
        assert all(got[name] == value or got[name].items() >= value.items() for name, value in members.items())
