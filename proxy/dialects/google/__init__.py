"""The Gemini Developer API."""

from proxy.dialects.contract import Dialect, ProviderRequest
from proxy.dialects.google import embeddings, images
from proxy.dialects.google.endpoints import ENDPOINTS
from proxy.dialects.google.errors import translate_error
from proxy.dialects.google.parts import is_stored, takes_url
from proxy.dialects.google.request import unsupported_params
from proxy.dialects.google.safety import HEADER, parse_header
from proxy.dialects.google.stream import has_content
from proxy.dialects.google.tables import NATIVE_RULES, REFUSALS

DIALECT = Dialect(
    auth="x-goog-api-key",
    paths=ENDPOINTS.paths,
    build_request=ENDPOINTS.build_request,
    translate_response=ENDPOINTS.translate_response,
    stream_translator=ENDPOINTS.stream_translator,
    has_content=has_content,
    translate_error=translate_error,
    refusals=REFUSALS,
    otel_provider_name="gcp.gemini",
    list_models_request=ProviderRequest("/v1beta/models?pageSize=1"),
    takes_url=takes_url,
    stores=is_stored,
    supports_prefill=lambda model: True,
    unsupported_params=unsupported_params,
    unsupported_embedding_params=embeddings.unsupported_params,
    unsupported_image_params=images.unsupported_params,
    control_headers={HEADER: ("safety_settings", parse_header)},
    native_rules=NATIVE_RULES,
)
