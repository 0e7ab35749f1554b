"""What the Messages API calls things, and what each generation of models takes: data, to be changed as models change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.dialects.names import NameRule

API_VERSION = "2023-06-01"
"""The last version whose requests may hold a temperature; the models that take none are in MODELS."""

TOOL_NAME = NameRule("A-Za-z0-9_-", limit=64)
TOOL_ID = NameRule("A-Za-z0-9_-", limit=256)
IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
MAX_USER_ID_LENGTH = 512


@dataclass(frozen=True, slots=True)
class ModelCapabilities:
    """What a model takes."""

    max_tokens: int
    """Sent where the caller names no limit, since the API demands one: the most that the model can say."""
    max_sampling_params: int = 0
    """How many of temperature and top_p it takes in one request."""
    prefill: bool = False
    """Whether the last message may be the assistant's, to be gone on with."""
    forced_tools: bool = True
    """Whether `tool_choice` may demand a call."""
    mid_conversation_system: bool = False
    """Whether a system message may stand amid the others."""
    strict_tools: bool = True
    """Whether a tool may be `strict`."""


_OLD = ModelCapabilities(4_096, max_sampling_params=2, prefill=True, strict_tools=False)
_NEW = ModelCapabilities(128_000, mid_conversation_system=True)
_UNFORCED = ModelCapabilities(128_000, mid_conversation_system=True, forced_tools=False)

# By the start of the model's name, the longest that fits. "claude-" is for models to come: what the strictest of today
# takes, all will. "" is for hosts that speak this format with models of their own.
MODELS: Mapping[str, ModelCapabilities] = {
    "": _OLD,
    "claude-": _UNFORCED,
    "claude-3-": _OLD,
    "claude-3-5-": ModelCapabilities(8_192, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-3-7-": ModelCapabilities(64_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-opus-4-0": ModelCapabilities(32_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-opus-4-2025": ModelCapabilities(32_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-opus-4-1": ModelCapabilities(32_000, max_sampling_params=1, prefill=True, strict_tools=False),
    "claude-opus-4-5": ModelCapabilities(64_000, max_sampling_params=1, prefill=True),
    "claude-opus-4-6": ModelCapabilities(128_000, max_sampling_params=1),
    "claude-opus-4-7": ModelCapabilities(128_000),
    "claude-opus-4-8": _NEW,
    "claude-sonnet-4-0": ModelCapabilities(64_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-sonnet-4-2025": ModelCapabilities(64_000, max_sampling_params=2, prefill=True, strict_tools=False),
    "claude-sonnet-4-5": ModelCapabilities(64_000, max_sampling_params=1, prefill=True),
    "claude-sonnet-4-6": ModelCapabilities(64_000, max_sampling_params=1),
    "claude-haiku-4-5": ModelCapabilities(64_000, max_sampling_params=1, prefill=True),
    "claude-mythos-preview": ModelCapabilities(128_000),
    "claude-opus-5": _NEW,
    "claude-opus-5-5": _UNFORCED,
    "claude-sonnet-5": _NEW,
    "claude-sonnet-5-5": _UNFORCED,
    "claude-fable-5": _NEW,
    "claude-fable-5-1": _UNFORCED,
    "claude-fable-5-2": _UNFORCED,
    "claude-mythos-5": _NEW,
    "claude-mythos-5-1": _UNFORCED,
    "claude-mythos-5-2": _UNFORCED,
}


def model_capabilities(model: str, models: Mapping[str, ModelCapabilities] = MODELS) -> ModelCapabilities:
    """The traits of a model, by the longest start of its name in the table; a cloud's prefix before `claude-` is no matter."""
    name = model[max(0, model.find("claude-")) :]
    return models[max(filter(name.startswith, models), key=len)]


SUPPORTED_PARAMS = frozenset({
    "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "stream",
    "stream_options", "tools", "tool_choice", "parallel_tool_calls", "user", "safety_identifier", "service_tier", "routing",
})  # fmt: skip
"""The members of a request that are understood here; any other is left out, since the API refuses unknown ones."""

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
    """OpenAI's finish reason; a reason not known here is `stop`."""
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
"""The HTTP status that goes with an error's type, for errors inside a stream."""

QUOTA_CODES = frozenset({"contract_spend_limit_reached", "enforced_spend_limit_reached"})
