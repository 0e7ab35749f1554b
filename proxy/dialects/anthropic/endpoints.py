"""Endpoints that are translated from and to OpenAI's format, and those of the vendor's own API, which pass unchanged."""

from __future__ import annotations

from proxy.dialects.anthropic import native_request, request
from proxy.dialects.anthropic.native_response import native_response
from proxy.dialects.anthropic.native_stream import NativeStream
from proxy.dialects.anthropic.response import translate_response
from proxy.dialects.anthropic.stream import AnthropicStream
from proxy.dialects.endpoints import Endpoints, combine

ENDPOINTS = combine(
    Endpoints(request.PATHS, request.build_request, translate_response, AnthropicStream),
    Endpoints(native_request.PATHS, native_request.native_request, native_response, NativeStream),
)
