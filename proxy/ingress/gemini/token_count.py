"""Counts the tokens of a request: by Google, or the sidecar's own estimate where no provider counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.errors import ParrotError
from proxy.ingress.client_format import HubRequest
from proxy.ingress.gemini.members import members_of
from proxy.ingress.gemini.request import request_to_hub
from proxy.ingress.token_estimate import may_estimate


def counted_request(body: Mapping[str, Any]) -> HubRequest:
    """Translate the request that is to be counted: the body, or the one in it. Raises InvalidRequestError."""
    counted = members_of(body, "the body").get("generateContentRequest")
    return request_to_hub(
        body if counted is None else {**members_of(counted, "generateContentRequest"), "model": body["model"]}
    )


def estimated_count(error: ParrotError, prompt_tokens: int) -> bytes | None:
    """Return the estimate in place of an error that is not about the request, otherwise None."""
    return orjson.dumps({"totalTokens": max(1, prompt_tokens)}) if may_estimate(error) else None
