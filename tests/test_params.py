"""What a request asks for reaches each provider in its own words, or is named in a warning, or is refused."""

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
ALL_LACK = {"verbosity": "low", "logit_bias": {"1": 1}}
"""Nobody but OpenAI has these."""


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(six_providers()) as started:
        yield started


@pytest.fixture
async def strict() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(six_providers("error")) as started:
        yield started


async def ask(sidecar: RunningSidecar, provider: str | None = None, headers: Any = None, **options: Any) -> Any:
    chosen = {"X-Provider": provider} if provider else {}
    async with sidecar.client() as client:
        return await client.chat.completions.with_raw_response.create(
            model="m", messages=HELLO, extra_headers={**chosen, **(headers or {})}, **options
        )


def sent(sidecar: RunningSidecar, provider: str) -> dict[str, Any]:
    return orjson.loads(sidecar.sandbox.requests(provider)[-1].body)  # type: ignore[no-any-return]


@pytest.mark.parametrize("stream", [False, True])
async def test_safety_settings_reach_gemini_in_its_own_words(sidecar: RunningSidecar, stream: bool) -> None:
    header = {"X-Google-Safety-Settings": orjson.dumps(SAFETY).decode()}
    raw = await ask(sidecar, "google", header, stream=stream)
    assert sent(sidecar, "google")["safetySettings"] == SETTINGS
    assert "safety-category-mapped" in raw.headers["x-routing-warnings"]


@pytest.mark.parametrize("name", ["google_safety_settings", "safety_settings"])
async def test_safety_settings_may_stand_in_the_body(sidecar: RunningSidecar, name: str) -> None:
    where = {"routing": {name: SAFETY}} if name == "google_safety_settings" else {name: SAFETY}
    await ask(sidecar, "google", extra_body=where)
    assert sent(sidecar, "google")["safetySettings"] == SETTINGS


@pytest.mark.parametrize("provider", ["openai", "anthropic", "mistral", "cohere", "meta"])
async def test_safety_settings_are_nobody_elses_business(sidecar: RunningSidecar, provider: str) -> None:
    raw = await ask(sidecar, provider, {"X-Google-Safety-Settings": orjson.dumps(SAFETY).decode()})
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
async def test_safety_settings_that_mean_nothing_are_a_400(sidecar: RunningSidecar, value: str) -> None:
    with pytest.raises(openai.BadRequestError, match="X-Google-Safety-Settings") as caught:
        await ask(sidecar, None, {"X-Google-Safety-Settings": value})
    assert caught.value.code == "invalid_header" and caught.value.param == "X-Google-Safety-Settings"


@pytest.mark.parametrize(
    ("provider", "dropped"),
    [
        ("openai", set()),
        ("anthropic", {"seed", "verbosity", "logit_bias"}),
        ("google", {"verbosity", "logit_bias"}),
        ("mistral", {"verbosity", "logit_bias"}),
        ("cohere", {"verbosity", "logit_bias"}),
    ],
)
async def test_what_is_dropped_is_named(sidecar: RunningSidecar, provider: str, dropped: set[str]) -> None:
    raw = await ask(sidecar, provider, seed=7, **ALL_LACK)
    warnings = raw.headers.get("x-routing-warnings", "").split(", ")
    assert {each.partition("name=")[2] for each in warnings if each.startswith("param-dropped")} == dropped


async def test_what_is_moved_into_a_providers_range_is_named(sidecar: RunningSidecar) -> None:
    raw = await ask(sidecar, "mistral", temperature=2)
    assert raw.headers["x-routing-warnings"] == "param-clamped;name=temperature;value=1.5"
    assert sent(sidecar, "mistral")["temperature"] == 1.5


async def test_where_dropping_is_not_allowed_who_cannot_say_it_is_left_out(strict: RunningSidecar) -> None:
    for number in range(8):
        raw = await ask(strict, None, {"X-Request-Id": f"r{number}"}, seed=7, **ALL_LACK)
        assert raw.parse().provider in ("openai", "meta")
        assert "x-routing-warnings" not in raw.headers


async def test_where_dropping_is_not_allowed_and_nobody_is_left_each_reason_is_named(strict: RunningSidecar) -> None:
    with pytest.raises(
        openai.BadRequestError, match="anthropic: unsupported_params: .*seed, .*google: .*verbosity"
    ) as caught:
        await ask(strict, "anthropic,google", seed=7, **ALL_LACK)
    assert caught.value.code == "no_eligible_provider"
    assert strict.sandbox.requests("anthropic") == strict.sandbox.requests("google") == []


async def test_what_one_provider_cannot_express_goes_to_the_next(sidecar: RunningSidecar) -> None:
    raw = await ask(sidecar, None, {"X-Provider-Fallbacks": "anthropic,cohere,openai"}, n=2)
    answer = raw.parse()
    assert answer.provider == "openai" and len(answer.choices) == 2
    assert raw.headers["x-provider-attempts"] == "1"


async def test_what_nobody_chosen_can_express_is_the_callers_400(sidecar: RunningSidecar) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(sidecar, "anthropic,cohere", n=2)
    assert caught.value.param == "n"


WITH_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object", "properties": {}}}}
EXPRESS_IT = {"openai", "mistral", "meta"}
"""Providers that `response_format` reaches."""
LACK_IT = {"anthropic", "google", "cohere"}


@pytest.mark.parametrize("shape", [WITH_SCHEMA, {"type": "json_object"}])
@pytest.mark.parametrize("stream", [False, True])
async def test_structured_output_is_asked_only_of_providers_that_get_the_schema(
    sidecar: RunningSidecar, shape: dict[str, Any], stream: bool
) -> None:
    for number in range(12):
        raw = await ask(sidecar, None, {"X-Request-Id": f"r{number}"}, response_format=shape, stream=stream)
        assert sent(sidecar, raw.headers["x-provider"])["response_format"] == shape
        assert raw.headers["x-provider-attempts"] == "1"
    served = {name for name in (*EXPRESS_IT, *LACK_IT) if sidecar.sandbox.requests(name)}
    assert served <= EXPRESS_IT and len(served) > 1


async def test_structured_output_fails_over_only_to_providers_that_get_the_schema(sidecar: RunningSidecar) -> None:
    for name in ("openai", "meta"):
        await sidecar.sandbox.set_fault(name, Fault("status", status=529))
    preferred = {"X-Provider-Preference": "openai,anthropic,google,meta,cohere,mistral"}
    raw = await ask(sidecar, None, preferred, response_format=WITH_SCHEMA)
    assert raw.headers["x-provider"] == "mistral" and raw.headers["x-provider-attempts"] == "3"
    assert not any(sidecar.sandbox.requests(name) for name in LACK_IT)


async def test_text_is_the_usual_answer_and_leaves_out_no_provider(sidecar: RunningSidecar) -> None:
    for name in LACK_IT:
        raw = await ask(sidecar, name, response_format={"type": "text"})
        assert "x-routing-warnings" not in raw.headers and raw.headers["x-provider"] == name


async def test_an_answer_and_a_dry_run_name_who_is_left_out_and_why(sidecar: RunningSidecar) -> None:
    body = {"model": "m", "messages": HELLO, "response_format": WITH_SCHEMA}
    async with sidecar.client() as client:
        dry: Any = await client.post("/route", cast_to=object, body=body)
    live = (await ask(sidecar, None, {"X-Route-Explain": "true"}, response_format=WITH_SCHEMA)).parse().routing
    for decision in (dry, live):
        assert {step["provider"] for step in decision["plan"]} == EXPRESS_IT
        why = {each["provider"]: each["reason"] for each in decision["excluded"]}
        assert why == dict.fromkeys(LACK_IT, "unsupported_params: response_format")


@pytest.mark.parametrize("headers", [{}, {"X-Provider-Fallbacks": "google,cohere"}])
async def test_structured_output_that_no_chosen_provider_expresses_is_a_400_that_names_it(
    sidecar: RunningSidecar, headers: dict[str, str]
) -> None:
    with pytest.raises(openai.BadRequestError, match="google: unsupported_params: response_format") as caught:
        await ask(sidecar, "google,cohere", headers, response_format=WITH_SCHEMA)
    assert (caught.value.code, caught.value.param) == ("no_eligible_provider", "response_format")
    assert not sidecar.sandbox.requests("google") and not sidecar.sandbox.requests("cohere")


@pytest.mark.parametrize(
    ("options", "served"),
    [
        ({"n": 2}, {"openai", "mistral", "meta"}),
        ({"logprobs": True}, {"openai", "mistral", "meta"}),
        ({"web_search_options": {}}, {"openai", "meta"}),
        ({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, {"openai", "meta"}),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, {"openai", "meta"}),
        ({"extra_body": {"guided_json": {"type": "object"}}}, {"openai", "meta"}),
    ],
)
async def test_what_changes_the_kind_of_answer_leaves_out_who_cannot_express_it(
    sidecar: RunningSidecar, options: dict[str, Any], served: set[str]
) -> None:
    asked = {**options, **options.get("extra_body", {})}
    body = {"model": "m", "messages": HELLO, **{name: value for name, value in asked.items() if name != "extra_body"}}
    async with sidecar.client() as client:
        decision: Any = await client.post("/route", cast_to=object, body=body)
    assert {step["provider"] for step in decision["plan"]} == served
