"""The Gemini Developer API: translates OpenAI's chat requests to it and its responses back."""

from proxy.dialects.contract import Dialect, ProviderRequest
from proxy.dialects.google.errors import translate_error
from proxy.dialects.google.request import PATHS, build_request, unsupported_params
from proxy.dialects.google.response import translate_response
from proxy.dialects.google.safety import HEADER, parse_header
from proxy.dialects.google.stream import GeminiStream, has_content
from proxy.dialects.google.tables import REFUSALS

DIALECT = Dialect(
    auth="x-goog-api-key",
    paths=PATHS,
    build_request=build_request,
    translate_response=translate_response,
    stream_translator=GeminiStream,
    has_content=has_content,
    translate_error=translate_error,
    refusals=REFUSALS,
    otel_provider_name="gcp.gemini",
    list_models_request=ProviderRequest("/v1beta/models?pageSize=1"),
    supports_prefill=lambda model: True,
    unsupported_params=unsupported_params,
    control_headers={HEADER: ("safety_settings", parse_header)},
)
