"""OpenAI-compatible hosts: Meta's Model API, vLLM, Groq, Ollama, OpenRouter and others.

Chat requests pass through except for members that such hosts are known to reject. Responses are repaired where
hosts deviate from OpenAI's format (tool call indexes and ids, finish reasons, reasoning fields, usage, errors in unusual places).
OpenAI's other endpoints pass as they do at OpenAI.
"""

from proxy.dialects.compatible.endpoints import ENDPOINTS, has_content
from proxy.dialects.compatible.error import translate_error
from proxy.dialects.compatible.tables import AVOIDABLE_PARAMS, RATE_LIMIT_HEADERS, REFUSALS
from proxy.dialects.contract import Dialect, NativeRules

DIALECT = Dialect(
    auth="bearer",
    paths=ENDPOINTS.paths,
    build_request=ENDPOINTS.build_request,
    translate_response=ENDPOINTS.translate_response,
    stream_translator=ENDPOINTS.stream_translator,
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
