"""OpenAI's Chat Completions API, and the older and smaller ones that share its envelope and its `[DONE]`."""

from __future__ import annotations

import re

import orjson

from proxy.errors import ParrotError
from proxy.ingress.client_format import ClientFormat
from proxy.ingress.openai_chat.models import MODELS
from proxy.sse import encode


def _error_event(error: ParrotError) -> bytes:
    return encode(orjson.dumps({"error": error.members()}))


OPENAI_CHAT = ClientFormat(
    name="openai_chat",
    error_body=lambda error: error.body(),
    error_event=_error_event,
    terminal=encode(b"[DONE]"),
    ping=b": ping\n\n",
    native_endpoint="chat",
    models=MODELS,
    closing=re.compile(rb'"finish_reason"\s*:\s*"[^"]|^data: ?\{"error"', re.MULTILINE),
)
