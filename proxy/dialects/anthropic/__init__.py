"""Anthropic's Messages API."""

from proxy.dialects.anthropic.endpoints import ENDPOINTS
from proxy.dialects.anthropic.request import unsupported_params
from proxy.dialects.anthropic.response import translate_error
from proxy.dialects.anthropic.stream import has_content
from proxy.dialects.anthropic.tables import API_VERSION, FILE_ID, RATE_LIMIT_HEADERS, REFUSALS, model_capabilities
from proxy.dialects.contract import Dialect, NativeRules, ProviderRequest
from proxy.dialects.hub.media import ALL_MEDIA, AUDIO

DIALECT = Dialect(
    auth="x-api-key",
    paths=ENDPOINTS.paths,
    build_request=ENDPOINTS.build_request,
    translate_response=ENDPOINTS.translate_response,
    stream_translator=ENDPOINTS.stream_translator,
    has_content=has_content,
    translate_error=translate_error,
    refusals=REFUSALS,
    forwarded_header_prefixes=("anthropic-",),
    default_headers={"anthropic-version": API_VERSION},
    returned_header_prefixes=("anthropic-ratelimit-",),
    rate_limit_headers=RATE_LIMIT_HEADERS,
    otel_provider_name="anthropic",
    reasoning_budget_fields=(("thinking", "budget_tokens"),),
    list_models_request=ProviderRequest("/v1/models?limit=1", headers={"anthropic-version": API_VERSION}),
    media=ALL_MEDIA - {AUDIO},
    stores=lambda id: FILE_ID.fullmatch(id) is not None,
    supports_prefill=lambda model: model_capabilities(model).prefill,
    unsupported_params=unsupported_params,
    native_rules=NativeRules(reserved=("model", "stream", "messages")),
)
