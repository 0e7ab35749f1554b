"""Errors in the envelope of the Responses API, and as its typed event `error`."""

from __future__ import annotations

import orjson

from proxy.errors import ParrotError
from proxy.sse import encode


def error_body(error: ParrotError) -> bytes:
    """Return the JSON body of a response that is an error."""
    return error.body()


def error_event(error: ParrotError) -> bytes:
    """Return the event that ends a stream which is not complete and in which the sidecar has not numbered the events."""
    members = error.members()
    event = {"type": "error", "code": members["code"], "message": members["message"], "param": members["param"]}
    event["error"] = members  # OpenAI's SDKs raise for this member, and would take the typed event for one of many
    return encode(orjson.dumps(event), "error")
