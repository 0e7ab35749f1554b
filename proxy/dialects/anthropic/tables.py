"""Constants of Anthropic's Messages API and the capabilities of each model generation.

Data only: update it when Anthropic releases models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from proxy.dialects.names import NameRule
from proxy.headers import RateLimitHeaders

API_VERSION = "2023-06-01"
"""Value of the `anthropic-version` header. Later versions reject `temperature` for all models."""

RATE_LIMIT_HEADERS = (
    RateLimitHeaders.from_template("requests", "anthropic-ratelimit-requests-{}"),
    RateLimitHeaders.from_template("tokens", "anthropic-ratelimit-tokens-{}"),
    RateLimitHeaders.from_template("tokens", "anthropic-ratelimit-input-tokens-{}", copy_to_openai_names=False),
    RateLimitHeaders.from_template("tokens", "anthropic-ratelimit-output-tokens-{}", copy_to_openai_names=False),
)

TOOL_NAME = NameRule("A-Za-z0-9_-", limit=64)
TOOL_ID = NameRule("A-Za-z0-9_-", limit=256)
IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
MAX_USER_ID_LENGTH = 512
MAX_TITLE_LENGTH = 500
"""Characters of a document's title."""


@dataclass(frozen=True, slots=True)
class ModelCapabilities:
    """What requests to a model may contain."""

    max_tokens: int
    """The model's maximum output tokens, sent if the caller sets no limit, because the API requires one."""
    max_sampling_params: int = 0
    """How many of `temperature` and `top_p` one request may set."""
    prefill: bool = False
    """Whether the last message may be an assistant message that the model continues."""
    forced_tools: bool = True
    """Whether `tool_choice` may require a tool call."""
    mid_conversation_system: bool = False
    """Whether a system message may follow other messages."""
    strict_tools: bool = True
    """Whether tools may be `strict`, and the answer may have a schema."""
    knows_maximum: bool = True
    """Whether `max_tokens` is the most that the model accepts."""


_LEGACY = ModelCapabilities(4_096, max_sampling_params=2, prefill=True, strict_tools=False)
_CURRENT = ModelCapabilities(128_000, mid_conversation_system=True)
_NO_FORCED_TOOLS = ModelCapabilities(128_000, mid_conversation_system=True, forced_tools=False)

# Keys are prefixes of model names, and the longest match applies. "claude-" covers future models, with the capabilities of the
# most restricted current one. "" covers other vendors' models behind the same API.
MODELS: Mapping[str, ModelCapabilities] = {
    "": replace(_LEGACY, knows_maximum=False),
    "claude-": replace(_NO_FORCED_TOOLS, knows_maximum=False),
    "claude-3-": _LEGACY,
    "claude-3-5-": ModelCapabilities(8_192, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-3-7-": ModelCapabilities(64_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-opus-4-0": ModelCapabilities(32_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-opus-4-2025": ModelCapabilities(32_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-opus-4-1": ModelCapabilities(32_000, max_sampling_params=1, prefill=True, strict_tools=False),
    "claude-opus-4-5": ModelCapabilities(64_000, max_sampling_params=1, prefill=True),
    "claude-opus-4-6": ModelCapabilities(128_000, max_sampling_params=1),
    "claude-opus-4-7": ModelCapabilities(128_000),
    "claude-opus-4-8": _CURRENT,
    "claude-sonnet-4-0": ModelCapabilities(64_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-sonnet-4-2025": ModelCapabilities(64_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-sonnet-4-5": ModelCapabilities(64_000, max_sampling_params=1, prefill=True),
    "claude-sonnet-4-6": ModelCapabilities(64_000, max_sampling_params=1),
    "claude-haiku-4-5": ModelCapabilities(64_000, max_sampling_params=1, prefill=True),
    "claude-mythos-preview": ModelCapabilities(128_000),
    "claude-opus-5": _CURRENT,
    "claude-opus-5-5": _NO_FORCED_TOOLS,
    "claude-sonnet-5": _CURRENT,
    "claude-sonnet-5-5": _NO_FORCED_TOOLS,
    "claude-fable-5": _CURRENT,
    "claude-fable-5-1": _NO_FORCED_TOOLS,
    "claude-fable-5-2": _NO_FORCED_TOOLS,
    "claude-mythos-5": _CURRENT,
    "claude-mythos-5-1": _NO_FORCED_TOOLS,
    "claude-mythos-5-2": _NO_FORCED_TOOLS,
}


def model_capabilities(model: str, models: Mapping[str, ModelCapabilities] = MODELS) -> ModelCapabilities:
    """Return the capabilities of the longest matching prefix. A cloud's prefix before `claude-` is ignored."""
    name = model[max(0, model.find("claude-")) :]
    return models[max(filter(name.startswith, models), key=len)]


SUPPORTED_PARAMS = frozenset({
    "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "stream",
    "stream_options", "tools", "tool_choice", "parallel_tool_calls", "user", "safety_identifier", "service_tier", "routing",
    "response_format",
})  # fmt: skip
"""Request members that are translated. All others are dropped, because the API rejects unknown members."""

SERVICE_TIERS: Mapping[str, str] = {"auto": "auto", "default": "standard_only"}
SERVED_TIERS: Mapping[str, str] = {"standard": "default", "priority": "priority"}

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "length",
    "model_context_window_exceeded": "length",
    "compaction": "length",
}


def finish_reason(stop_reason: str | None) -> str:
    """Return OpenAI's finish reason. Unknown reasons become `stop`."""
    return FINISH_REASONS.get(stop_reason or "", "stop")


ERROR_STATUS: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Error type -> HTTP status, for errors inside a stream."""

QUOTA_CODES = frozenset({"contract_spend_limit_reached", "enforced_spend_limit_reached"})
