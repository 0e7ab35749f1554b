"""Each parameter reaches each provider in its own format, is dropped with a warning, or excludes the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import pytest

from proxy.sandbox.scenario import Fault
from tests.running import HELLO, RunningSidecar, run_sidecar
from tests.six_providers import six_providers

SAFETY = {
    "harm_block_threshold": "BLOCK_MEDIUM_AND_ABOVE",
    "categories": ["HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_VIOLENCE"],
}
SETTINGS = [
    {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_MEDIUM_AND_ABOVE"},
    {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "BLOCK_MEDIUM_AND_ABOVE"},
]
OPENAI_ONLY = {"verbosity": "low", "logit_bias": {"1": 1}}
"""Parameters that only OpenAI hosts support."""


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(six_providers()) as started:
        yield started


@pytest.fixture
async def strict() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(six_providers("error")) as started:
        yield started


async def send_chat(sidecar: RunningSidecar, provider: str | None = None, headers: Any = None, **options: Any) -> Any:
    pinned = {"X-Provider": provider} if provider else {}
    async with sidecar.client() as client:
        return await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={**pinned, **(headers or {})}, **options
        )


def sent(sidecar: RunningSidecar, provider: str) -> dict[str, Any]:
    return orjson.loads(sidecar.sandbox.requests(provider)[-1].body)  # type: ignore[no-any-return]


@pytest.mark.parametrize("stream", [False, True])
async def test_safety_settings_reach_gemini_in_its_format(sidecar: RunningSidecar, stream: bool) -> None:
    header = {"X-Google-Safety-Settings": orjson.dumps(SAFETY).decode()}
    raw = await send_chat(sidecar, "google", header, stream=stream)
    assert sent(sidecar, "google")["safetySettings"] == SETTINGS
    assert raw.headers["x-routing-warnings"] == "safety-category-mapped"


@pytest.mark.parametrize("name", ["google_safety_settings", "safety_settings"])
async def test_safety_settings_may_be_in_the_body(sidecar: RunningSidecar, name: str) -> None:
    members = {"routing": {name: SAFETY}} if name == "google_safety_settings" else {name: SAFETY}
    await send_chat(sidecar, "google", extra_body=members)
    assert sent(sidecar, "google")["safetySettings"] == SETTINGS


@pytest.mark.parametrize("provider", ["openai", "anthropic", "mistral", "cohere", "meta"])
async def test_safety_settings_reach_no_other_provider(sidecar: RunningSidecar, provider: str) -> None:
    raw = await send_chat(sidecar, provider, {"X-Google-Safety-Settings": orjson.dumps(SAFETY).decode()})
    assert "param-dropped;name=safety_settings" in raw.headers["x-routing-warnings"]
    assert b"HARM" not in sidecar.sandbox.requests(provider)[-1].body
    assert "x-google-safety-settings" not in sidecar.sandbox.requests(provider)[-1].headers
    assert raw.parse().provider == provider


@pytest.mark.parametrize(
    "value",
    [
        "not json",
        "[]",
        '{"harm_block_threshold": "BLOCK_SOME"}',
        '{"harm_block_threshold": "BLOCK_NONE", "categories": ["HARM_CATEGORY_RUDENESS"]}',
        '{"threshold": "BLOCK_NONE"}',
    ],
)
async def test_invalid_safety_settings_are_a_400(sidecar: RunningSidecar, value: str) -> None:
    with pytest.raises(openai.BadRequestError, match="X-Google-Safety-Settings") as caught:
        await send_chat(sidecar, None, {"X-Google-Safety-Settings": value})
    assert caught.value.code == "invalid_header" and caught.value.param == "X-Google-Safety-Settings"


@pytest.mark.parametrize(
    ("provider", "dropped"),
    [
        ("openai", {"verbosity"}),
        ("anthropic", {"seed", "verbosity", "logit_bias"}),
        ("google", {"verbosity", "logit_bias"}),
        ("mistral", {"verbosity", "logit_bias"}),
        ("cohere", {"verbosity", "logit_bias"}),
    ],
)
async def test_dropped_parameters_are_named_in_warnings(
    sidecar: RunningSidecar, provider: str, dropped: set[str]
) -> None:
    raw = await send_chat(sidecar, provider, seed=7, **OPENAI_ONLY)
    warnings = raw.headers.get("x-routing-warnings", "").split(", ")
    assert {each.partition("name=")[2] for each in warnings if each.startswith("param-dropped")} == dropped


async def test_a_clamped_parameter_is_named_in_a_warning(sidecar: RunningSidecar) -> None:
    raw = await send_chat(sidecar, "mistral", temperature=2)
    assert raw.headers["x-routing-warnings"] == "param-clamped;name=temperature;value=1.5"
    assert sent(sidecar, "mistral")["temperature"] == 1.5


async def test_without_dropping_providers_that_lack_a_parameter_are_excluded(strict: RunningSidecar) -> None:
    for number in range(8):
        raw = await send_chat(strict, None, {"X-Request-Id": f"r{number}"}, seed=7, **OPENAI_ONLY)
        assert raw.parse().provider in ("openai", "meta")
        assert "x-routing-warnings" not in raw.headers


async def test_without_dropping_and_without_a_provider_left_the_error_has_each_reason(strict: RunningSidecar) -> None:
    with pytest.raises(
        openai.BadRequestError, match="anthropic: unsupported_params: .*seed, .*google: .*verbosity"
    ) as caught:
        await send_chat(strict, "anthropic,google", seed=7, **OPENAI_ONLY)
    assert caught.value.code == "no_eligible_provider"
    assert strict.sandbox.requests("anthropic") == strict.sandbox.requests("google") == []


async def test_a_request_that_one_provider_cannot_express_goes_to_the_next(sidecar: RunningSidecar) -> None:
    raw = await send_chat(sidecar, None, {"X-Provider-Fallbacks": "anthropic,cohere,openai"}, n=2)
    answer = raw.parse()
    assert answer.provider == "openai" and len(answer.choices) == 2
    assert raw.headers["x-provider-attempts"] == "1"


async def test_a_request_that_no_listed_provider_can_express_is_a_400(sidecar: RunningSidecar) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await send_chat(sidecar, "anthropic,cohere", n=2)
    assert caught.value.param == "n"


WITH_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object", "properties": {}}}}
SUPPORTING = {"openai", "mistral", "meta"}
"""Providers that send `logprobs`."""
LACKING = {"anthropic", "google", "cohere"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shape", [WITH_SCHEMA, {"type": "json_object"}])
async def test_structured_output_is_requested_from_every_provider(
    sidecar: RunningSidecar, shape: dict[str, Any], stream: bool
) -> None:
    for name in SUPPORTING | LACKING:
        raw = await send_chat(sidecar, name, response_format=shape, stream=stream)
        assert (raw.headers["x-provider"], raw.headers["x-provider-attempts"]) == (name, "1")
        assert b"json" in orjson.dumps(sent(sidecar, name))


async def test_an_essential_parameter_fails_over_only_to_providers_that_support_it(sidecar: RunningSidecar) -> None:
    for name in ("openai", "meta"):
        await sidecar.sandbox.set_fault(name, Fault("status", status=529))
    preferred = {"X-Provider-Preference": "openai,anthropic,google,meta,cohere,mistral"}
    raw = await send_chat(sidecar, None, preferred, logprobs=True)
    assert raw.headers["x-provider"] == "mistral" and raw.headers["x-provider-attempts"] == "3"
    assert not any(sidecar.sandbox.requests(name) for name in LACKING)


async def test_a_response_format_of_text_excludes_no_provider(sidecar: RunningSidecar) -> None:
    for name in LACKING:
        raw = await send_chat(sidecar, name, response_format={"type": "text"})
        assert "x-routing-warnings" not in raw.headers and raw.headers["x-provider"] == name


async def test_an_explained_response_and_a_dry_run_name_the_excluded_providers_and_the_reason(
    sidecar: RunningSidecar,
) -> None:
    body = {"model": "m", "messages": HELLO, "logprobs": True}
    async with sidecar.client() as client:
        dry: Any = await client.post("/route", cast_to=object, body=body)
    live = (await send_chat(sidecar, None, {"X-Route-Explain": "true"}, logprobs=True)).parse().routing
    for decision in (dry, live):
        assert {step["provider"] for step in decision["plan"]} == SUPPORTING
        reasons = {each["provider"]: each["reason"] for each in decision["excluded"]}
        assert reasons == dict.fromkeys(LACKING, "unsupported_params: logprobs")


@pytest.mark.parametrize("headers", [{}, {"X-Provider-Fallbacks": "google,cohere"}])
async def test_an_essential_parameter_that_no_listed_provider_supports_is_a_400_that_names_it(
    sidecar: RunningSidecar, headers: dict[str, str]
) -> None:
    with pytest.raises(openai.BadRequestError, match="google: unsupported_params: logprobs") as caught:
        await send_chat(sidecar, "google,cohere", headers, logprobs=True)
    assert (caught.value.code, caught.value.param) == ("no_eligible_provider", "logprobs")
    assert not sidecar.sandbox.requests("google") and not sidecar.sandbox.requests("cohere")


@pytest.mark.parametrize(
    ("options", "served"),
    [
        ({"n": 2}, {"openai", "mistral", "meta"}),
        ({"logprobs": True}, {"openai", "mistral", "meta"}),
        ({"web_search_options": {}}, {"openai", "anthropic", "google", "meta"}),
        ({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, {"openai", "meta"}),
        ({"tools": [{"type": "web_search"}]}, {"openai", "meta"}),
        ({"extra_body": {"guided_json": {"type": "object"}}}, {"openai", "meta"}),
    ],
)
async def test_parameters_that_change_the_kind_of_answer_exclude_providers_without_them(
    sidecar: RunningSidecar, options: dict[str, Any], served: set[str]
) -> None:
    members = {**options, **options.get("extra_body", {})}
    body = {"model": "m", "messages": HELLO, **{name: value for name, value in members.items() if name != "extra_body"}}
    async with sidecar.client() as client:
        decision: Any = await client.post("/route", cast_to=object, body=body)
    assert {step["provider"] for step in decision["plan"]} == served


@pytest.mark.parametrize("provider", ["openai", "anthropic", "mistral", "cohere", "meta"])
async def test_every_providers_rate_limits_are_returned_under_openais_names(
    sidecar: RunningSidecar, provider: str
) -> None:
    headers = (await send_chat(sidecar, provider)).headers
    assert int(headers["x-ratelimit-remaining-requests"]) < int(headers["x-ratelimit-limit-requests"])
    assert ("openai-processing-ms" in headers) == (provider == "openai")
    assert ("anthropic-ratelimit-requests-limit" in headers) == (provider == "anthropic")
    assert ("x-endpoint-monthly-call-limit" in headers) == (provider == "cohere")
