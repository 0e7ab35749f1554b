"""Errors of every provider, in its own format, as the caller gets them if no other provider may be tried."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import openai
import pytest

from proxy.sandbox.contract import Call, SimulatedError
from proxy.sandbox.scenario import Fault
from tests.running import HELLO, run_sidecar
from tests.six_providers import PROVIDERS, six_providers


async def error_of(client: openai.AsyncOpenAI, provider: str, stream: bool = False) -> openai.APIStatusError:
    """The error of one request to one provider, without retries."""
    headers = {"X-Provider": provider, "X-Retry-On-Provider-Error": "false"}
    with pytest.raises(openai.APIStatusError) as caught:
        await client.chat.completions.create(model="m", messages=HELLO, stream=stream, extra_headers=headers)
    return caught.value


def body(error: openai.APIStatusError) -> dict[str, Any]:
    """The members of `error`, which must include OpenAI's four."""
    assert isinstance(error.body, dict) and {"message", "type", "param", "code"} <= error.body.keys()
    return error.body


STATUSES = [
    (401, "auth_error", 502, "all_providers_failed"),
    (402, "quota", 429, "insufficient_quota"),
    (403, "auth_error", 502, "all_providers_failed"),
    (404, "not_found", 404, "model_not_found"),
    (429, "rate_limit", 429, "rate_limit_exceeded"),
    (500, "server_error", 502, "all_providers_failed"),
    (504, "timeout", 504, "upstream_timeout"),
    (529, "model_overloaded", 503, "server_is_overloaded"),
]
"""Columns: the provider's status, the trigger, the caller's status and code."""


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_every_providers_error_has_openais_format(provider: str, stream: bool) -> None:
    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        for status, outcome, caller_code, code in STATUSES:
            await sidecar.sandbox.set_fault(provider, Fault("status", status=status))
            error = await error_of(client, provider, stream)
            assert (error.status_code, body(error)["code"]) == (caller_code, code), status
            assert [attempt["outcome"] for attempt in body(error)["attempts"]] == [outcome]
            headers = error.response.headers
            assert ("retry-after" in headers) is (outcome == "rate_limit")
            assert headers.get("x-should-retry") == (
                "false" if outcome in ("auth_error", "quota", "not_found") else None
            )


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_503_is_an_overload(provider: str) -> None:
    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        await sidecar.sandbox.set_fault(provider, Fault("status", status=503))
        error = await error_of(client, provider)
    assert (error.status_code, body(error)["attempts"][0]["outcome"]) == (503, "model_overloaded")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_retry_after_reaches_the_caller(provider: str) -> None:
    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        await sidecar.sandbox.set_fault(provider, Fault("status", status=429, retry_after=7))
        error = await error_of(client, provider)
    assert (error.status_code, error.response.headers["retry-after"]) == (429, "7")


TOO_LONG = {
    "openai": SimulatedError(400, "The maximum context length is 128000 tokens.", code="context_length_exceeded"),
    "anthropic": SimulatedError(400, "prompt is too long: 210000 tokens > 200000 maximum"),
    "google": SimulatedError(
        400, "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."
    ),
    "mistral": SimulatedError(
        400, "Prompt has 40000 tokens: too large for model with 32768 maximum context length", code="3051"
    ),
    "cohere": SimulatedError(400, "too many tokens: the limit is exceeded by 10 tokens"),
    "meta": SimulatedError(400, "The maximum context length is 128000 tokens."),
}
FILTERED = {
    "openai": SimulatedError(400, "The prompt was refused.", code="content_policy_violation"),
    "meta": SimulatedError(400, "The prompt was refused.", code="content_filter"),
}
UNKNOWN = {
    "openai": SimulatedError(404, "There is no such model.", code="model_not_found"),
    "mistral": SimulatedError(400, "Invalid model: m", code="1500"),
}
REJECTIONS = [
    *((name, rejected, 400, "context_length_exceeded") for name, rejected in TOO_LONG.items()),
    *((name, rejected, 400, rejected.code) for name, rejected in FILTERED.items()),
    *((name, rejected, 404, "model_not_found") for name, rejected in UNKNOWN.items()),
    ("google", SimulatedError(400, "API key not valid. Please pass a valid API key."), 502, "all_providers_failed"),
    ("mistral", SimulatedError(422, "Extra inputs are not permitted", param="x", code="extra_forbidden"), 422, "unknown_parameter"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "rejected", "status", "code"), REJECTIONS)
async def test_a_rejection_gets_openais_error_code(
    provider: str, rejected: SimulatedError, status: int, code: str
) -> None:
    def reject(call: Call) -> Any:
        raise rejected

    async with run_sidecar(six_providers()) as sidecar, sidecar.client() as client:
        simulated = sidecar.sandbox._providers[provider]
        simulated.simulation = replace(simulated.simulation, handle=reject)
        error = await error_of(client, provider)
    assert (error.status_code, body(error)["code"]) == (status, code)
    assert rejected.message in body(error)["message"]
