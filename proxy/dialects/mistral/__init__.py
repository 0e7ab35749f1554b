"""Mistral's chat API. It rejects unknown members, so requests are rebuilt.

Responses are repaired like those of an OpenAI-compatible host.
"""

from proxy.dialects.compatible.error import translate_error
from proxy.dialects.compatible.response import translate_response
from proxy.dialects.compatible.stream import RepairingStream, has_content
from proxy.dialects.compatible.tables import RATE_LIMIT_HEADERS
from proxy.dialects.contract import Dialect, ProviderRequest
from proxy.dialects.mistral.request import build_request, unsupported_params
from proxy.dialects.mistral.tables import FILE_ID, PATHS, REFUSALS

DIALECT = Dialect(
    auth="bearer",
    paths=PATHS,
    build_request=build_request,
    translate_response=translate_response,
    stream_translator=RepairingStream,
    has_content=has_content,
    translate_error=translate_error,
    refusals=REFUSALS,
    rate_limit_headers=RATE_LIMIT_HEADERS,
    otel_provider_name="mistral_ai",
    list_models_request=ProviderRequest("/v1/models"),
    stores=lambda id: FILE_ID.fullmatch(id) is not None,
    supports_prefill=lambda model: True,
    echoes_prefill=True,
    unsupported_params=unsupported_params,
)
