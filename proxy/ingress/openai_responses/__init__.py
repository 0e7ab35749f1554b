"""OpenAI's Responses API: typed events, whose last one is `response.completed`."""

from __future__ import annotations

import re
from dataclasses import replace

from proxy.ingress.client_format import ClientFormat
from proxy.ingress.openai_chat.models import MODELS
from proxy.ingress.openai_responses.errors import error_body, error_event
from proxy.ingress.openai_responses.passed_stream import PassedStream
from proxy.ingress.openai_responses.request import request_to_hub
from proxy.ingress.openai_responses.response import response_from_hub
from proxy.ingress.openai_responses.stream import ResponsesStream

OPENAI_RESPONSES = ClientFormat(
    name="openai_responses",
    error_body=error_body,
    error_event=error_event,
    terminal=b"",  # a stream without its `response.completed` is not complete
    ping=b": ping\n\n",
    native_endpoint="responses",
    request_to_hub=request_to_hub,
    response_from_hub=response_from_hub,
    stream_from_hub=ResponsesStream,
    passed_stream=PassedStream,
    models=MODELS,
    closing=re.compile(rb'"type"\s*:\s*"(?:response\.(?:completed|incomplete|failed)|error)"'),
    has_response_ids=True,
)

RESPONSE_OPERATIONS = replace(
    OPENAI_RESPONSES,
    name="openai_response_operations",
    request_to_hub=None,
    response_from_hub=None,
    stream_from_hub=None,
    passed_stream=None,
)
"""The operations on a conversation that has no answer, such as counting its tokens. No other API has them."""
