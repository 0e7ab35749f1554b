"""Names and values that OpenAI-compatible hosts use in place of OpenAI's: data, to be extended as hosts are met."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.dialects.errors import CONTEXT_LENGTH
from proxy.headers import OPENAI_RATE_LIMITS, RateLimitHeaders

PATHS = {"chat": "/chat/completions"}

RATE_LIMIT_HEADERS = (
    *OPENAI_RATE_LIMITS,
    RateLimitHeaders("requests", "x-ratelimit-limit-req-minute", "x-ratelimit-remaining-req-minute"),
    RateLimitHeaders("tokens", "x-ratelimit-limit-tokens-minute", "x-ratelimit-remaining-tokens-minute"),
)
"""OpenAI's names, and those of Mistral."""

FINISH_REASONS: Mapping[str, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "function_call",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_length": "length",
}
"""Finish reason of a host -> OpenAI's. Any other is sent as `stop`."""

FAILED_FINISH_REASONS = frozenset({"error", "abort", "cancelled"})
"""Finish reasons that report a failure of the host."""

CONTEXT_LENGTH_PATTERN = re.compile(
    r"maximum context length|context[ _](?:length|window|size)|too large for model|prompt is too long"
    r"|too many (?:input )?tokens|exceeds? the (?:model'?s? )?(?:maximum|context)",
    re.IGNORECASE,
)
"""Messages of context-length errors (vLLM, Together, llama.cpp, Mistral, Groq)."""

CONTENT_FILTER_PATTERN = re.compile(
    r"input was flagged|content exists risk|content[ _](?:filter|polic|moderation)", re.IGNORECASE
)
"""Messages about refused input (OpenRouter, DeepSeek and others)."""

ERROR_CODES: Mapping[str, str] = {
    "3051": CONTEXT_LENGTH,
    "1500": "model_not_found",
    "invalid_model": "model_not_found",
    "extra_forbidden": "unknown_parameter",
}
"""Error code or type of a host -> OpenAI's code."""
