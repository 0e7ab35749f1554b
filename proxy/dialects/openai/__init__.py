"""OpenAI's own API, all endpoints. Requests and responses pass through byte-exactly except for the members that change."""

from proxy.dialects.contract import Dialect
from proxy.dialects.hub.error_envelope import translate_error
from proxy.dialects.hub.events import has_content
from proxy.dialects.hub.media import ALL_MEDIA, FILE_URL
from proxy.dialects.openai import embeddings
from proxy.dialects.openai.params import unsupported_params
from proxy.dialects.openai.request import build_request
from proxy.dialects.openai.response import translate_response
from proxy.dialects.openai.stream import stream_translator
from proxy.dialects.openai.tables import AVOIDABLE_PARAMS, FILE_ID, MODEL_OPTIONAL, NATIVE_RULES, PATHS
from proxy.dialects.refusals import RefusalTable

DIALECT = Dialect(
    auth="bearer",
    paths=PATHS,
    build_request=build_request,
    translate_response=translate_response,
    stream_translator=stream_translator,
    has_content=has_content,
    translate_error=translate_error,
    refusals=RefusalTable(openai_names={"max_completion_tokens": "max_tokens"}),
    # X-Stainless-* is the telemetry of OpenAI's SDKs, which callers use.
    forwarded_header_prefixes=("openai-", "x-stainless-"),
    returned_header_prefixes=("openai-processing-ms",),
    otel_provider_name="openai",
    media=ALL_MEDIA - {FILE_URL},
    takes_url=lambda url: True,
    stores=lambda id: FILE_ID.fullmatch(id) is not None,
    avoidable_params=AVOIDABLE_PARAMS,
    model_optional=MODEL_OPTIONAL,
    unsupported_params=unsupported_params,
    native_rules=NATIVE_RULES,
    unsupported_embedding_params=embeddings.unsupported_params,
    takes_every_tool_form=True,
)
