"""OpenAI-compatible hosts: Meta's Model API, vLLM, Groq, Ollama, OpenRouter and others.

Chat and embeddings. Requests pass through except for members that such hosts are known to reject. Responses are repaired where
hosts deviate from OpenAI's format (tool call indexes and ids, finish reasons, reasoning fields, usage, errors in unusual places).
"""

from proxy.dialects.compatible import embeddings
from proxy.dialects.compatible.error import translate_error
from proxy.dialects.compatible.request import build_request
from proxy.dialects.compatible.response import translate_response
from proxy.dialects.compatible.stream import RepairingStream, has_content
from proxy.dialects.compatible.tables import AVOIDABLE_PARAMS, PATHS, RATE_LIMIT_HEADERS, REFUSALS
from proxy.dialects.contract import Dialect, NativeRules
from proxy.dialects.endpoints import Endpoints, combine

_ENDPOINTS = combine(
    Endpoints(PATHS, build_request, translate_response, RepairingStream),
    Endpoints(embeddings.PATHS, embeddings.build_request, embeddings.translate_response, RepairingStream),
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
    returned_header_prefixes=("openai-processing-ms",),
    rate_limit_headers=RATE_LIMIT_HEADERS,
    takes_url=lambda url: True,
    avoidable_params=AVOIDABLE_PARAMS,
    reasoning_budget_fields=(("reasoning", "max_tokens"),),
    native_rules=NativeRules(limits=("max_tokens", "max_completion_tokens")),
)
