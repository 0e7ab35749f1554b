"""Mistral's API: chat and embeddings. It rejects unknown members, so requests are rebuilt.

Responses are repaired like those of an OpenAI-compatible host.
"""

from proxy.dialects.compatible import embeddings as compatible_embeddings
from proxy.dialects.compatible.error import translate_error
from proxy.dialects.compatible.response import translate_response
from proxy.dialects.compatible.stream import RepairingStream, has_content
from proxy.dialects.compatible.tables import RATE_LIMIT_HEADERS
from proxy.dialects.contract import Dialect, NativeRules, ProviderRequest
from proxy.dialects.endpoints import Endpoints, combine
from proxy.dialects.mistral import embeddings, request
from proxy.dialects.mistral.tables import FILE_ID, PATHS, REFUSALS

_ENDPOINTS = combine(
    Endpoints(PATHS, request.build_request, translate_response, RepairingStream),
    Endpoints(embeddings.PATHS, embeddings.build_request, compatible_embeddings.translate_response, RepairingStream),
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
    rate_limit_headers=RATE_LIMIT_HEADERS,
    otel_provider_name="mistral_ai",
    list_models_request=ProviderRequest("/v1/models"),
    stores=lambda id: FILE_ID.fullmatch(id) is not None,
    supports_prefill=lambda model: True,
    echoes_prefill=True,
    unsupported_params=request.unsupported_params,
    unsupported_embedding_params=embeddings.unsupported_params,
    native_rules=NativeRules(reserved=(*NativeRules().reserved, "encoding_format", "output_dtype")),
)
