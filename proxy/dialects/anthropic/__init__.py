"""Anthropic's Messages API."""

from proxy.dialects.anthropic.request import PATHS, build_request, unsupported_params
from proxy.dialects.anthropic.response import translate_error, translate_response
from proxy.dialects.anthropic.stream import AnthropicStream, has_content
from proxy.dialects.anthropic.tables import API_VERSION, model_capabilities
from proxy.dialects.contract import Dialect, ProviderRequest

DIALECT = Dialect(
    name="anthropic",
    auth="x-api-key",
    paths=PATHS,
    build_request=build_request,
    translate_response=translate_response,
    stream_translator=AnthropicStream,
    has_content=has_content,
    translate_error=translate_error,
    forwarded_header_prefixes=("anthropic-",),
    list_models_request=ProviderRequest("/v1/models?limit=1", headers={"anthropic-version": API_VERSION}),
    supports_prefill=lambda model: model_capabilities(model).prefill,
    unsupported_params=unsupported_params,
)
