"""Anthropic's Messages API: named events, whose last one is `message_stop`."""

import re
from dataclasses import replace

from proxy.ingress.anthropic_messages.errors import error_body, error_event
from proxy.ingress.anthropic_messages.models import MODELS
from proxy.ingress.anthropic_messages.request import request_to_hub
from proxy.ingress.anthropic_messages.response import response_from_hub
from proxy.ingress.anthropic_messages.stream import MessageStream
from proxy.ingress.anthropic_messages.token_count import estimated_count
from proxy.ingress.client_format import ClientFormat
from proxy.sse import encode

ANTHROPIC_MESSAGES = ClientFormat(
    name="anthropic_messages",
    error_body=error_body,
    error_event=error_event,
    terminal=b"",  # a stream without its `message_stop` is not complete
    ping=encode(b'{"type": "ping"}', "ping"),
    native_endpoint="messages",
    request_id_header="request-id",
    shows_cost=False,  # strict clients refuse a member that is not Anthropic's
    request_to_hub=request_to_hub,
    response_from_hub=response_from_hub,
    stream_from_hub=MessageStream,
    models=MODELS,
    closing=re.compile(rb'"stop_reason"\s*:\s*"[^"]|"type"\s*:\s*"error"'),
)

TOKEN_COUNT = replace(
    ANTHROPIC_MESSAGES,
    name="anthropic_count_tokens",
    native_endpoint="count_tokens",
    hub_endpoint="",  # no other vendor counts in the hub's format
    estimate=estimated_count,
)
