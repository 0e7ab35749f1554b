"""Errors in the envelope of the Responses API, as its typed event `error`, and as the error of a response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import text_of
from proxy.dialects.lenient_json import serialize
from proxy.errors import ParrotError
from proxy.sse import encode

_FAILURES = frozenset({"context_length_exceeded", "insufficient_quota", "invalid_prompt", "rate_limit_exceeded"})
"""Codes of a response that has failed, by which clients decide whether to try again."""


def error_body(error: ParrotError) -> bytes:
    """Return the JSON body of a response that is an error."""
    return error.body()


def error_event(error: ParrotError, number: int = 0) -> bytes:
    """Return the event that ends a stream which is not complete. `number` is its place among the events."""
    event = {"type": "error", "sequence_number": number, **error_members(error.members())}
    return encode(serialize(event), "error")


def error_members(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of the event `error` for those of an error in OpenAI's envelope."""
    event = {name: members.get(name) for name in ("code", "message", "param")}
    event["error"] = dict(
        members
    )  # OpenAI's SDKs raise for this member, and would take the typed event for one of many
    return event


def response_error(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `error` of a response that has failed. Any code but those of this API becomes `server_error`."""
    code = text_of(members.get("code"))
    return {"code": code if code in _FAILURES else "server_error", "message": str(members.get("message") or "")}
