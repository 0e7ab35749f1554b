"""Endpoints that are translated from and to OpenAI's format, and those of the vendor's own API, which pass unchanged."""

from __future__ import annotations

from proxy.dialects.endpoints import Endpoints, combine
from proxy.dialects.google import embeddings, images, native_request, request
from proxy.dialects.google.native_response import native_response
from proxy.dialects.google.native_stream import NativeStream
from proxy.dialects.google.response import translate_response
from proxy.dialects.google.stream import GeminiStream

ENDPOINTS = combine(
    Endpoints(request.PATHS, request.build_request, translate_response, GeminiStream),
    Endpoints(native_request.PATHS, native_request.native_request, native_response, NativeStream),
    Endpoints(images.PATHS, images.build_request, images.translate_response, GeminiStream),
    Endpoints(embeddings.PATHS, embeddings.build_request, embeddings.translate_response, GeminiStream),
)
