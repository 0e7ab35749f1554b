"""Cohere's v2 chat API: translates OpenAI's chat requests to it and its responses back."""

from proxy.dialects.cohere.request import build_request, unsupported_params
from proxy.dialects.cohere.response import translate_error, translate_response
from proxy.dialects.cohere.stream import CohereStream, has_content
from proxy.dialects.cohere.tables import PATHS, RATE_LIMIT_HEADERS, REFUSALS
from proxy.dialects.contract import Dialect, NativeRules, ProviderRequest

DIALECT = Dialect(
    auth="bearer",
    paths=PATHS,
    build_request=build_request,
    translate_response=translate_response,
    stream_translator=CohereStream,
    has_content=has_content,
    translate_error=translate_error,
    refusals=REFUSALS,
    returned_header_prefixes=("x-trial-endpoint-call-", "x-endpoint-monthly-call-"),
    rate_limit_headers=RATE_LIMIT_HEADERS,
    otel_provider_name="cohere",
    list_models_request=ProviderRequest("/v1/models?page_size=1"),
    unsupported_params=unsupported_params,
    native_rules=NativeRules(reserved=("model", "stream", "messages")),
)
