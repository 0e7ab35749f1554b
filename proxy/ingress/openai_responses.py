"""OpenAI's Responses API: typed events, whose last one is `response.completed`."""

from __future__ import annotations

import orjson

from proxy.errors import ParrotError
from proxy.ingress.client_format import ClientFormat
from proxy.sse import encode


def _error_event(error: ParrotError) -> bytes:
    members = error.members()
    event = {"type": "error", "code": members["code"], "message": members["message"], "param": members["param"]}
    event["error"] = members  # OpenAI's SDKs raise for this member, and would take the typed event for one of many
    return encode(orjson.dumps(event), "error")


OPENAI_RESPONSES = ClientFormat(
    name="openai_responses",
    error_body=lambda error: error.body(),
    error_event=_error_event,
    terminal=b"",  # a stream without its `response.completed` is not complete
    ping=b": ping\n\n",
    is_resumable=False,
)
