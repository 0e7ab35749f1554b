"""The endpoints of OpenAI-compatible hosts: chat is repaired, the others pass as they do at OpenAI."""

from __future__ import annotations

from proxy.dialects.compatible import embeddings
from proxy.dialects.compatible.request import build_request
from proxy.dialects.compatible.response import translate_response
from proxy.dialects.compatible.stream import RepairingStream
from proxy.dialects.compatible.stream import has_content as has_chat_content
from proxy.dialects.compatible.tables import PATHS
from proxy.dialects.endpoints import Endpoints, combine
from proxy.dialects.hub.events import has_content as has_passed_content
from proxy.dialects.openai import request, response, stream
from proxy.dialects.openai.tables import PATHS as OPENAI_PATHS
from proxy.sse import Event

_PASSED = (
    "completions",
    "image_edits",
    "image_variations",
    "images",
    "moderations",
    "speech",
    "transcriptions",
    "translations",
)
"""Hosts have some of them. `unsupported` of a target names those that its host lacks."""

ENDPOINTS = combine(
    Endpoints(PATHS, build_request, translate_response, RepairingStream),
    Endpoints(embeddings.PATHS, embeddings.build_request, embeddings.translate_response, RepairingStream),
    Endpoints(
        {name: OPENAI_PATHS[name] for name in _PASSED},
        request.build_request,
        response.translate_response,
        stream.stream_translator,
    ),
)


def has_content(event: Event) -> bool:
    """Whether an event of any of these endpoints contains content, a finish reason or an error."""
    return has_chat_content(event) or has_passed_content(event)
