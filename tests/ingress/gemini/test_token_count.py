"""Tokens are counted by Google, and estimated where no provider counts."""

from __future__ import annotations

import asyncio
import json

import pytest
from google import genai
from google.genai import types

from proxy.errors import AuthenticationError, InvalidRequestError, NoEligibleProviderError, ParrotError, UpstreamTimeout
from proxy.ingress.gemini.token_count import counted_request, estimated_count
from tests.running import run_sidecar
from tests.six_providers import six_providers

CONTENTS = [{"parts": [{"text": "Hi"}]}]


@pytest.mark.parametrize("name", ["generateContentRequest", "generate_content_request"])
def test_the_request_in_the_body_is_the_one_that_counts(name: str) -> None:
    asked = {"model": "models/m", "contents": CONTENTS}
    assert counted_request({"model": "m", name: asked}) == counted_request({"model": "m", "contents": CONTENTS})


@pytest.mark.parametrize("error", [NoEligibleProviderError("no"), UpstreamTimeout("no")])
def test_an_error_that_is_not_about_the_request_is_an_estimate(error: ParrotError) -> None:
    assert json.loads(estimated_count(error, 7) or b"") == {"totalTokens": 7}


@pytest.mark.parametrize("error", [InvalidRequestError("no"), AuthenticationError("no")])
def test_an_error_about_the_request_stays(error: ParrotError) -> None:
    assert estimated_count(error, 7) is None


@pytest.mark.parametrize("provider", ["google", "openai"])
async def test_the_sdk_counts(provider: str) -> None:
    async with run_sidecar(six_providers()) as sidecar:
        options = types.HttpOptions(base_url=sidecar.url, headers={"X-Provider": provider})
        client = genai.Client(api_key="any", http_options=options)
        counted = await asyncio.to_thread(client.models.count_tokens, model="m", contents="Hello there, " * 10)
        assert (counted.total_tokens or 0) > 10
        assert len(sidecar.sandbox.requests("google")) == (provider == "google")
