"""What Gemini calls things, and what each generation of its models can do: data, to be corrected as data."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.dialects.names import NameRule

TOOL_NAME = NameRule(allowed="A-Za-z0-9_.:-", limit=64, first="A-Za-z_")
"""How a tool may be called."""

SCALARS: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
"""OpenAI's name -> the name in `generationConfig`, of what goes over unchanged."""

SUPPORTED_PARAMS = frozenset(SCALARS) | {
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "safety_settings",
    "seed",
    "service_tier",
    "stop",
    "stream",
    "stream_options",
    "tool_choice",
    "tools",
    "functions",
    "function_call",
}
"""Members of an OpenAI request that reach Gemini in some form."""

SERVICE_TIERS: Mapping[str, str] = {"default": "standard", "flex": "flex", "priority": "priority"}

GEMINI_3 = 3
"""The generation from which calls have ids and must be signed, and penalties and several candidates are gone."""

LAST_SUBSET_GENERATION = 1
"""The last generation that takes only OpenAPI's subset of JSON Schema for a tool's parameters."""

SKIP_SIGNATURE_VALIDATOR = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Base64 of `skip_thought_signature_validator`: what Google documents for a call that Gemini did not make itself."""

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
"""finishReason -> finish_reason; one that is not listed here nor in BROKEN is `stop`, and shown as it came."""

FAILED_FINISH_REASONS = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
)
"""Values of finishReason that mean there is no answer: any OpenAI reason would make it look like one."""

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
}
"""File ending, or OpenAI's audio format -> media type."""

_GENERATION = re.compile(r"gemini-(\d+)")


def generation(model: str) -> int:
    """2 for `gemini-2.5-flash`; a name without a number (`gemini-flash-latest`) counts as the newest."""
    match = _GENERATION.search(model)
    return int(match[1]) if match else GEMINI_3
