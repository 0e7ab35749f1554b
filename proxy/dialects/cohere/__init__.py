"""Cohere's v2 API: translates OpenAI's requests for chat and embeddings to it and its responses back."""

from proxy.dialects.cohere import embeddings, request
from proxy.dialects.cohere.response import translate_error, translate_response
from proxy.dialects.cohere.stream import CohereStream, has_content
from proxy.dialects.cohere.tables import PATHS, RATE_LIMIT_HEADERS, REFUSALS
from proxy.dialects.contract import Dialect, NativeRules, ProviderRequest
from proxy.dialects.endpoints import Endpoints, combine
from proxy.dialects.hub.media import TEXT_FILE

_ENDPOINTS = combine(
    Endpoints(PATHS, request.build_request, translate_response, CohereStream),
    Endpoints(embeddings.PATHS, embeddings.build_request, embeddings.translate_response, CohereStream),
)

DIALECT = Dialect(
    auth="bearer",
    paths=_ENDPOINTS.paths,
    build_request=_ENDPOINTS.build_request,
    translate_response=_ENDPOINTS.translate_response,
    stream_translator=_ENDPOINTS.stream_translator,
    has_content=has_content,
    translate_error=translate_error,
    refusals=REFUSALS,
    returned_header_prefixes=("x-trial-endpoint-call-", "x-endpoint-monthly-call-"),
    rate_limit_headers=RATE_LIMIT_HEADERS,
    otel_provider_name="cohere",
    list_models_request=ProviderRequest("/v1/models?page_size=1"),
    media=frozenset({TEXT_FILE}),
    unsupported_params=request.unsupported_params,
    unsupported_embedding_params=embeddings.unsupported_params,
    native_rules=NativeRules(reserved=("model", "stream", "messages", "texts", "inputs", "images", "embedding_types")),
)
