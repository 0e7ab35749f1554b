"""Names and values that OpenAI-compatible hosts use in place of OpenAI's: data, to be extended as hosts are met."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from proxy.dialects.errors import CONTEXT_LENGTH
from proxy.dialects.hub.message_cleaning import (
    FOREIGN_IN_CALLS,
    FOREIGN_IN_MESSAGES,
    FOREIGN_IN_PARTS,
    CleaningRules,
)
from proxy.dialects.refusals import RefusalTable
from proxy.headers import OPENAI_RATE_LIMITS, RateLimitHeaders

PATHS = {"chat": "/chat/completions"}
AVOIDABLE_PARAMS = frozenset({"max_tokens", "stream_options"})
"""What a host may refuse of what it is sent: the limit has another name too, and usage in streams can be done without."""

RATE_LIMIT_HEADERS = (
    *OPENAI_RATE_LIMITS,
    RateLimitHeaders("requests", "x-ratelimit-limit-req-minute", "x-ratelimit-remaining-req-minute"),
    RateLimitHeaders("tokens", "x-ratelimit-limit-tokens-minute", "x-ratelimit-remaining-tokens-minute"),
)
"""OpenAI's names, and those of Mistral."""

_CLEANING = CleaningRules(
    FOREIGN_IN_MESSAGES | {"annotations", "audio"},
    FOREIGN_IN_CALLS,
    FOREIGN_IN_PARTS,
    roles={"developer": "system"},
    own_nulls=False,
)
"""What hosts reject in messages: many accept only the members that they know."""

_READ_BACK: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = (
    (
        re.compile(r"deepseek|kimi|glm-|minimax|mimo", re.IGNORECASE),
        frozenset({"reasoning_content", "partial", "prefix"}),
    ),
    (re.compile(r"minimax|anthropic/|google/|x-ai/", re.IGNORECASE), frozenset({"reasoning_details"})),
    (re.compile(r"gemini", re.IGNORECASE), frozenset({"extra_content"})),
    (re.compile(r"claude|gemini|qwen", re.IGNORECASE), frozenset({"cache_control"})),
)
"""Members that the hosts of some models read, by a pattern of the model's name: most of them from their own answers."""


_ALTERNATING = re.compile(r"gemma|mistral|mixtral|codestral|deepseek-(?:reasoner|r1)|sonar|r1-1776", re.IGNORECASE)
"""Models whose templates, or hosts, reject consecutive messages of one role."""

_NO_SYSTEM = re.compile(r"gemma[-:]?[123](?!\d)", re.IGNORECASE)
"""Models without system messages: they become the user's."""


@lru_cache(maxsize=1024)
def cleaning_rules(model: str) -> CleaningRules:
    """Return what to change in the messages to a model."""
    kept = frozenset[str]().union(*(members for pattern, members in _READ_BACK if pattern.search(model)))
    return replace(
        _CLEANING,
        in_messages=_CLEANING.in_messages - kept,
        in_calls=_CLEANING.in_calls - kept,
        in_parts=_CLEANING.in_parts - kept,
        roles=dict.fromkeys(("developer", "system"), "user") if _NO_SYSTEM.search(model) else _CLEANING.roles,
        alternates=_ALTERNATING.search(model) is not None,
    )


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

REFUSALS = RefusalTable(
    output_codes={"tool_use_failed": "tools"},
    model_messages=(
        (re.compile(r"[`'\"](\w+)[`'\"] (?:is|are) not supported (?:with|by|for|on) this model"), None),
        (re.compile(r"Argument not supported on this model: (\w+)"), None),
        (re.compile(r"property '(\w+)' is unsupported"), None),
        (re.compile(r"does not support tools|tool choice requires --enable-auto-tool-choice"), "tools"),
        (re.compile(r"does not support thinking"), "reasoning_effort"),
    ),
    openai_names={
        "presencePenalty": "presence_penalty",
        "frequencyPenalty": "frequency_penalty",
        "reasoningEffort": "reasoning_effort",
    },
)
"""Groq, xAI, vLLM and Ollama name what a model refuses in their messages only."""
