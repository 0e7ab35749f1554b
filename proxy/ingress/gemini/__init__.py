"""Gemini's API: `data:` lines without names, the last of which has the finish reason. The model is in the path."""

import re
from dataclasses import replace

from proxy.ingress.client_format import ClientFormat
from proxy.ingress.gemini.embeddings import batch_from_hub, batch_to_hub, single_from_hub, single_to_hub
from proxy.ingress.gemini.errors import error_body, error_event
from proxy.ingress.gemini.framing import framing_of
from proxy.ingress.gemini.models import MODELS
from proxy.ingress.gemini.request import request_to_hub
from proxy.ingress.gemini.response import response_from_hub
from proxy.ingress.gemini.stream import GeminiStream
from proxy.ingress.gemini.token_count import counted_request, estimated_count

GEMINI = ClientFormat(
    name="gemini",
    error_body=error_body,
    error_event=error_event,
    terminal=b"",  # the stream ends with the connection, after a finish reason
    ping=b"",  # Google's SDKs take a comment for an error
    native_endpoint="generate_content",
    shows_cost=False,  # its SDKs refuse a member that is not Google's
    request_to_hub=request_to_hub,
    response_from_hub=response_from_hub,
    stream_from_hub=GeminiStream,
    framing_of=framing_of,
    models=MODELS,
    closing=re.compile(rb'"finishReason"\s*:\s*"|data: ?\{\s*"error"'),
)

TOKEN_COUNT = replace(
    GEMINI,
    name="gemini_count_tokens",
    native_endpoint="count_content_tokens",
    hub_endpoint="",  # no other vendor counts in the hub's format
    request_to_hub=counted_request,
    estimate=estimated_count,
)

EMBED_CONTENT = replace(
    GEMINI,
    name="gemini_embed_content",
    native_endpoint="embed_content",
    hub_endpoint="embeddings",
    request_to_hub=single_to_hub,
    response_from_hub=single_from_hub,
)

BATCH_EMBED_CONTENTS = replace(
    EMBED_CONTENT,
    name="gemini_batch_embed_contents",
    native_endpoint="batch_embed_contents",
    request_to_hub=batch_to_hub,
    response_from_hub=batch_from_hub,
)
