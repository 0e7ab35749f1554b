"""Constants of the Gemini API, and what each generation of models supports. Data only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from proxy.dialects.contract import NativeRules
from proxy.dialects.google.spelling import camel_case
from proxy.dialects.names import NameRule
from proxy.dialects.refusals import RefusalTable

TOOL_NAME = NameRule(allowed="A-Za-z0-9_.:-", limit=64, first="A-Za-z_")
"""Valid tool names."""

SCALARS: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
"""OpenAI's name -> the name in `generationConfig`, for values that are copied."""

SUPPORTED_PARAMS = frozenset(SCALARS) | {
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "safety_settings",
    "seed",
    "service_tier",
    "stop",
    "stream",
    "stream_options",
    "thinking",
    "tool_choice",
    "tools",
    "functions",
    "function_call",
    "web_search_options",
}
"""Members of an OpenAI request that are translated."""

SERVICE_TIERS: Mapping[str, str] = {"default": "standard", "flex": "flex", "priority": "priority"}
SERVED_TIERS: Mapping[str, str] = {tier: name for name, tier in SERVICE_TIERS.items()}
SERVED_TIER_HEADER = "x-gemini-service-tier"

NATIVE_RULES = NativeRules(
    reserved=("model", "stream", "contents", "requests", "generateContentRequest", "generationConfig.candidateCount"),
    limits=("generationConfig.maxOutputTokens",),
    spelling=camel_case,
)

GEMINI_3 = 3
"""First generation whose calls have ids and signatures, and that has neither penalties nor several candidates."""

LAST_SUBSET_GENERATION = 1
"""Last generation that accepts only OpenAPI's subset of JSON Schema for tool parameters."""

MOST_TOKENS: Mapping[str, int] = {
    "gemini-1.5": 8_192,
    "gemini-2.0": 8_192,
    "gemini-2.5": 65_536,
    "gemini-2.5-flash-image": 32_768,
    "gemini-3": 65_536,
    "gemini-flash-latest": 65_536,
    "gemini-flash-lite-latest": 65_536,
    "gemini-pro-latest": 65_536,
}
"""Prefix of a model's name -> its maximum of output tokens."""

NO_SYSTEM_INSTRUCTION = re.compile(r"gemma-[123](?!\d)")
"""Models that reject `systemInstruction`: it is put in front of the user's first message."""


NO_SEARCH = re.compile(r"gemma|gemini-(?:1|2\.0-flash-lite)|image|tts|embedding")
"""Models without Google's search."""


class BudgetRange(NamedTuple):
    """The thinking budgets of a model, in tokens."""

    low: int
    high: int
    can_be_off: bool = True


THINKERS: tuple[tuple[re.Pattern[str], BudgetRange | None], ...] = (
    (re.compile(r"gemini-(?:1|2\.0)|image|tts|embedding"), None),
    (re.compile(r"gemini-[\w.-]{0,64}flash-lite"), BudgetRange(512, 24_576)),
    (re.compile(r"gemini-[\w.-]{0,64}flash"), BudgetRange(1, 24_576)),
    (re.compile(r"gemini-"), BudgetRange(128, 32_768, can_be_off=False)),
)
"""Patterns of model names, of which the first match applies -> its budgets, None for models that do not think."""

BUDGETS: Mapping[str, int] = {
    "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 32_768,
}  # fmt: skip
"""Effort -> tokens, for models before Gemini 3: those of Google's own OpenAI-compatible endpoint."""

LEVELS: Mapping[str, str] = {
    "none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH",
}  # fmt: skip
"""Effort -> level, for models from Gemini 3 on. Their thinking cannot be off."""

LEVEL_EXCEPTIONS: tuple[tuple[re.Pattern[str], Mapping[str, str]], ...] = (
    (re.compile(r"gemini-3-pro"), {"none": "LOW", "minimal": "LOW", "medium": "HIGH"}),
    (re.compile(r"pro"), {"none": "LOW", "minimal": "LOW"}),
)
"""Patterns of model names, of which the first match applies -> the levels that differ."""

SKIP_SIGNATURE_VALIDATOR = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Base64 of `skip_thought_signature_validator`: Google's documented signature for calls made by other models."""

FINISH_REASONS: Mapping[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "NO_IMAGE": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
}
"""finishReason -> finish_reason. A reason neither here nor in FAILED_FINISH_REASONS becomes `stop`, and is also passed on."""

FAILED_FINISH_REASONS = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
)
"""Values of finishReason that mean that generation failed, so they have no OpenAI equivalent."""

HTTP_STATUS: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""google.rpc.Code -> HTTP status."""

MEDIA_TYPES: Mapping[str, str] = {
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "mp3": "audio/mp3",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "css": "text/css",
    "csv": "text/csv",
    "htm": "text/html",
    "html": "text/html",
    "js": "text/javascript",
    "json": "application/json",
    "xml": "text/xml",
}
"""File extension, or OpenAI's audio format -> media type."""

FILE_HOSTS = ("generativelanguage.googleapis.com", "youtube.com", "www.youtube.com", "youtu.be")
"""Hosts of the files that Google stores: those of its Files API, and videos."""

FETCHED_TYPES = frozenset({
    "application/json", "application/pdf", "image/bmp", "image/jpeg", "image/png", "image/webp", "text/css", "text/csv",
    "text/html", "text/javascript", "text/plain", "text/xml",
})  # fmt: skip
"""Media types of files that Google fetches from other hosts, since January 2026."""

_GENERATION = re.compile(r"gemini-(\d+)")


def generation(model: str) -> int:
    """Return the generation of a model: 2 for `gemini-2.5-flash`, 3 for a name without a number (`gemini-flash-latest`)."""
    match = _GENERATION.search(model)
    return int(match[1]) if match else GEMINI_3


REFUSALS = RefusalTable(
    model_messages=(
        (re.compile(r"[Pp]enalty is not enabled for"), "presence_penalty"),
        (re.compile(r"[Tt]hinking (?:level|budget)? ?.{0,40}is not (?:supported|enabled)"), "reasoning_effort"),
        (re.compile(r"only works in thinking mode|[Tt]hinking budget .{0,40}is invalid"), "reasoning_effort"),
        (re.compile(r"Multiple candidates is not enabled"), "n"),
        (re.compile(r"[Ll]ogprobs is not enabled"), "logprobs"),
        (re.compile(r"JSON mode is not enabled|with a response mime type"), "response_format"),
        (re.compile(r"Function calling is not enabled"), "tools"),
        (re.compile(r"[Ss]earch (?:[Gg]rounding|as a? ?tool) is not (?:supported|enabled)"), "web_search_options"),
        (re.compile(r"Developer instruction is not enabled"), "messages"),
    ),
    named_member=re.compile(r"generation_?[cC]onfig\.(\w+)"),
    openai_names={
        "stopSequences": "stop",
        "stop_sequences": "stop",
        "candidateCount": "n",
        "candidate_count": "n",
        "maxOutputTokens": "max_tokens",
        "max_output_tokens": "max_tokens",
        "responseSchema": "response_format",
        "response_schema": "response_format",
        "thinkingConfig": "reasoning_effort",
        "thinking_config": "reasoning_effort",
        "topP": "top_p",
        "topK": "top_k",
        "presencePenalty": "presence_penalty",
        "frequencyPenalty": "frequency_penalty",
    },
)
"""Its errors name a member by a path of the request, in either spelling of Google's APIs."""
