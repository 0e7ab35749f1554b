"""Chooses by the endpoint whether a request and its answer are translated from and to OpenAI's format, or pass unchanged."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.dialects.contract import CallerRequest, ProviderRequest, ResponseContext
from proxy.dialects.google import native_request, request
from proxy.dialects.google.native_response import native_response
from proxy.dialects.google.native_stream import NativeStream
from proxy.dialects.google.response import translate_response as translated_response
from proxy.dialects.google.stream import GeminiStream
from proxy.messages import StreamTransform

PATHS: Mapping[str, str] = {**request.PATHS, **native_request.PATHS}


def build_request(call: CallerRequest) -> ProviderRequest:
    """Build the request. Raises InvalidRequestError."""
    is_native = call.endpoint in native_request.PATHS
    return native_request.native_request(call) if is_native else request.build_request(call)


def translate_response(data: bytes, context: ResponseContext) -> bytes:
    """Return a 200 body as the caller gets it. Raises MalformedResponse."""
    is_native = context.endpoint in native_request.PATHS
    return native_response(data, context) if is_native else translated_response(data, context)


def stream_translator(context: ResponseContext) -> StreamTransform:
    """Return the transform of a stream."""
    return NativeStream(context) if context.endpoint in native_request.PATHS else GeminiStream(context)
