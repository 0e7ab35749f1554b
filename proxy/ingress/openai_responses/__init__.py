"""OpenAI's Responses API: typed events, whose last one is `response.completed`."""

from __future__ import annotations

from proxy.ingress.client_format import ClientFormat
from proxy.ingress.openai_responses.errors import error_body, error_event

OPENAI_RESPONSES = ClientFormat(
    name="openai_responses",
    error_body=error_body,
    error_event=error_event,
    terminal=b"",  # a stream without its `response.completed` is not complete
    ping=b": ping\n\n",
    is_resumable=False,
    native_endpoint="responses",
)
