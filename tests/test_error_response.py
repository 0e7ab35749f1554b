"""Tokens are counted by Anthropic, and where it does not answer estimated."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from proxy.sandbox.scenario import Fault
from tests.running import RunningSidecar, run_sidecar
from tests.six_providers import six_providers

HI: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "How many tokens is this?"}],
    "system": "Be kind.",
}
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}


async def count(
    sidecar: RunningSidecar, headers: dict[str, str] | None = None, **members: Any
) -> tuple[int, str | None]:
    """Return the count and the warnings."""
    async with anthropic.AsyncAnthropic(api_key="any", base_url=sidecar.url, max_retries=0) as client:
        request = client.messages.with_raw_response.count_tokens(**{**HI, **members}, extra_headers=headers or {})
        answer = await request
        return (await answer.parse()).input_tokens, answer.headers.get("x-routing-warnings")


async def test_anthropic_counts() -> None:
    async with run_sidecar(six_providers()) as sidecar:
        assert await count(sidecar, tools=[TOOL], thinking={"type": "adaptive"}) == (9, None)
        [call] = sidecar.sandbox.requests("anthropic")
        assert call.path == "/v1/messages/count_tokens" and b"max_tokens" not in call.body
        assert not sidecar.sandbox.requests("openai")


async def test_without_anthropic_the_sidecar_estimates() -> None:
    async with run_sidecar(six_providers()) as sidecar:
        tokens, warnings = await count(sidecar, {"X-Provider": "openai"})
        assert 9 <= tokens <= 30 and warnings == "tokens-estimated"
        more, _ = await count(sidecar, {"X-Provider": "openai"}, tools=[TOOL])
        assert more > tokens
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo" * 9999}}
        with_image, _ = await count(sidecar, {"X-Provider": "openai"}, messages=[{"role": "user", "content": [image]}])
        assert with_image < 2000
        assert not sidecar.sandbox.requests("openai")


async def test_while_anthropic_is_down_the_sidecar_estimates() -> None:
    async with run_sidecar(six_providers()) as sidecar:
        await sidecar.sandbox.set_fault("anthropic", Fault("status", status=529))
        _, warnings = await count(sidecar)
        assert warnings == "tokens-estimated" and sidecar.log.lines[-1]["status"] == 200


@pytest.mark.parametrize(("members", "status"), [({"messages": []}, 400), ({"model": "unheard-of"}, 404)])
async def test_an_invalid_request_is_an_error(members: dict[str, Any], status: int) -> None:
    async with run_sidecar(six_providers()) as sidecar:
        with pytest.raises(anthropic.APIStatusError) as raised:
            await count(sidecar, **members)
        assert raised.value.status_code == status and raised.value.body["error"]["message"]
