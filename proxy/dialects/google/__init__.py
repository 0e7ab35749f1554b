"""The Gemini Developer API."""

from proxy.dialects.contract import Dialect, ProviderRequest
from proxy.dialects.google.endpoints import PATHS, build_request, stream_translator, translate_response
from proxy.dialects.google.errors import translate_error
from proxy.dialects.google.request import unsupported_params
from proxy.dialects.google.safety import HEADER, parse_header
from proxy.dialects.google.stream import has_content
from proxy.dialects.google.tables import REFUSALS

DIALECT = Dialect(
    auth="x-goog-api-key",
    paths=PATHS,
    build_request=build_request,
    translate_response=translate_response,
    stream_translator=stream_translator,
    has_content=has_content,
    translate_error=translate_error,
    refusals=REFUSALS,
    otel_provider_name="gcp.gemini",
    list_models_request=ProviderRequest("/v1beta/models?pageSize=1"),
    supports_prefill=lambda model: True,
    unsupported_params=unsupported_params,
    control_headers={HEADER: ("safety_settings", parse_header)},
)
