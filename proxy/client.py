"""`ParrotRouter`: the `openai` client, pointed at the sidecar, with methods for the sidecar's own endpoints."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, cast

import openai
from openai.types.chat import ChatCompletionMessageParam

BASE_URL = "http://127.0.0.1:8090/v1"

JsonObject = dict[str, Any]


class ParrotRouter(openai.OpenAI):
    """`openai.OpenAI` with another base URL and four more methods.

    The key comes from PARROT_API_KEY. It is needed only where the sidecar requires keys.
    """

    def __init__(self, *, api_key: str | None = None, base_url: str = BASE_URL, **options: Any) -> None:
        key = api_key or os.environ.get("PARROT_API_KEY") or "unused"
        super().__init__(api_key=key, base_url=base_url, **options)

    def route(
        self,
        *,
        model: str,
        messages: Iterable[ChatCompletionMessageParam],
        extra_headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> JsonObject:
        """Return the routing plan for a chat request and the excluded targets with reasons. No provider is called."""
        body = {"model": model, "messages": list(messages), **members}
        return cast(
            JsonObject, self.post("/route", cast_to=object, body=body, options={"headers": dict(extra_headers or {})})
        )

    def analyze_costs(
        self, *, model: str, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0
    ) -> dict[str, JsonObject]:
        """Return per provider: `cost` in USD (None if the price is unknown), `available`, and `reason` if it is not."""
        body = {
            "model": model,
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "cached_tokens": cached_tokens,
        }
        return cast(dict[str, JsonObject], self.post("/costs/analyze", cast_to=object, body=body))

    def providers_health(self) -> JsonObject:
        """Return the status of each provider, with uptime, latency and error rate."""
        return cast(JsonObject, self.get("/providers/health", cast_to=object))

    def providers_performance(self, *, window: str = "5m") -> JsonObject:
        """Return each provider's latency percentiles and throughput over a window of `10s` to `60m`."""
        return cast(
            JsonObject, self.get("/providers/performance", cast_to=object, options={"params": {"window": window}})
        )
