"""Writes errors as Anthropic does: an object of the type `error`, with a type for each status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.dialects.errors import CONTEXT_LENGTH
from proxy.errors import ParrotError
from proxy.sse import encode

TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Status -> type. Any other is an `invalid_request_error` below 500 and an `api_error` from there on."""


_TOO_LONG = "prompt is too long"
"""What clients look for in a message, to shorten the conversation and try again."""


def error_body(error: ParrotError) -> bytes:
    """Return the body of a response that is an error."""
    return orjson.dumps({**_envelope(error), "request_id": error.request_id, **error.extra})


def error_event(error: ParrotError) -> bytes:
    """Return the event that ends a stream which is not complete."""
    return encode(orjson.dumps(_envelope(error)), "error")


def _envelope(error: ParrotError) -> dict[str, Any]:
    kind = TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    message = error.message
    if error.code == CONTEXT_LENGTH and _TOO_LONG not in message.lower():
        message = f"{_TOO_LONG}: {message}"
    return {"type": "error", "error": {"type": kind, "message": message}}
