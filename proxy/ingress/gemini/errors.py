"""Writes errors as Google does: the status, its word, and details whose types have names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from proxy.errors import ParrotError
from proxy.sse import encode

WORDS: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Status -> word. Any other is INVALID_ARGUMENT below 500 and INTERNAL from there on."""

_TYPES = "type.googleapis.com/google.rpc."
_DOMAIN = "parrot-sidecar"


def error_body(error: ParrotError) -> bytes:
    """Return the body of a response that is an error."""
    return orjson.dumps({**_envelope(error), **error.extra})


def error_event(error: ParrotError) -> bytes:
    """Return the event that ends a stream which is not complete."""
    return encode(orjson.dumps(_envelope(error)))


def _envelope(error: ParrotError) -> dict[str, Any]:
    word = WORDS.get(error.status, "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
    members = {"code": error.status, "message": error.message, "status": word, "details": list(_details(error))}
    return {"error": members}


def _details(error: ParrotError) -> Iterator[dict[str, Any]]:
    """Yield the code, the member that is invalid, when to try again, and the id of the request: each if there is one."""
    yield {"@type": f"{_TYPES}ErrorInfo", "reason": str(error.code).upper(), "domain": _DOMAIN}
    if error.param:
        violation = {"field": error.param, "description": error.message}
        yield {"@type": f"{_TYPES}BadRequest", "fieldViolations": [violation]}
    if (delay := _retry_after(error)) is not None:
        yield {"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{delay}s"}
    if error.request_id:
        yield {"@type": f"{_TYPES}RequestInfo", "requestId": error.request_id}


def _retry_after(error: ParrotError) -> str | None:
    """Return the seconds of `Retry-After`, None without it and for a date."""
    value = next((value for name, value in error.headers.items() if name.lower() == "retry-after"), "")
    return value if value.isascii() and value.isdigit() else None
