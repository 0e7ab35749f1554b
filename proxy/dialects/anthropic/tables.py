"""Constants of Anthropic's Messages API and the capabilities of each model generation.

Data only: update it when Anthropic releases models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from proxy.dialects.names import NameRule
from proxy.dialects.refusals import RefusalTable
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
FILE_ID = re.compile(r"file_01\w{10,64}")
"""Ids of its Files API."""
MAX_USER_ID_LENGTH = 512
MAX_TITLE_LENGTH = 500
"""Characters of a document's title."""


MAX_BREAKPOINTS = 4
"""Blocks with `cache_control` in one request."""
MAX_STRICT_TOOLS = 20
PROPERTY_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
"""Valid names of a tool's arguments."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a model is told to think."""

    efforts: tuple[str, ...] = ()
    """Its values of `output_config.effort`, in ascending order. () if it takes a budget of tokens instead."""
    off: str | None = ""
    """The `thinking.type` that turns thinking off. "" if it is off by default, None if it cannot be off."""
    display: str | None = None
    """The `thinking.display` that makes it visible, if it is not by default."""
    restricts: bool = True
    """Whether a request with it may have neither a forced tool nor `temperature`, `top_p` or prefill."""


_BUDGET = Thinking()
_EFFORT = Thinking(("low", "medium", "high", "max"), off="disabled")
_ADAPTIVE = Thinking(("low", "medium", "high", "xhigh", "max"), "disabled", "summarized", restricts=False)
_BETWEEN_TOOLS = replace(_ADAPTIVE, off="between_tools")
_ALWAYS = replace(_ADAPTIVE, off=None)

BUDGETS: Mapping[str, int] = {
    "minimal": 1_024, "low": 1_024, "medium": 2_048, "high": 4_096, "xhigh": 8_192, "max": 16_384,
}  # fmt: skip
"""Effort -> tokens, for models that take a budget."""
MIN_BUDGET = 1_024


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
    web_search: bool = True
    """Whether it has the provider's search."""
    knows_maximum: bool = True
    """Whether `max_tokens` is the most that the model accepts."""
    thinking: Thinking | None = None
    """How it is told to think, None if it does not."""


_LEGACY = ModelCapabilities(4_096, max_sampling_params=2, prefill=True, strict_tools=False, web_search=False)
_FIRST_THINKING = ModelCapabilities(64_000, max_sampling_params=2, prefill=True, strict_tools=False, thinking=_BUDGET)
_OPUS_4 = replace(_FIRST_THINKING, max_tokens=32_000)
_4_5 = ModelCapabilities(64_000, max_sampling_params=1, prefill=True, thinking=_BUDGET)
_4_6 = ModelCapabilities(128_000, max_sampling_params=1, thinking=_EFFORT)
_4_7 = ModelCapabilities(128_000, thinking=_ADAPTIVE)
_CURRENT = replace(_4_7, mid_conversation_system=True)
_NO_FORCED_TOOLS = replace(_CURRENT, forced_tools=False)

# Keys are prefixes of model names, and the longest match applies. "claude-" covers future models, with the capabilities of the
# most restricted current one. "" covers other vendors' models behind the same API.
MODELS: Mapping[str, ModelCapabilities] = {
    "": replace(_LEGACY, knows_maximum=False),
    "claude-": replace(_NO_FORCED_TOOLS, knows_maximum=False, thinking=_ALWAYS),
    "claude-3-": _LEGACY,
    "claude-3-5-": replace(_LEGACY, max_tokens=8_192, web_search=True),
    "claude-3-7-": _FIRST_THINKING,
    "claude-opus-4-0": _OPUS_4,
    "claude-opus-4-2025": _OPUS_4,
    "claude-opus-4-1": replace(_OPUS_4, max_sampling_params=1),
    "claude-opus-4-5": _4_5,
    "claude-opus-4-6": _4_6,
    "claude-opus-4-7": _4_7,
    "claude-opus-4-8": _CURRENT,
    "claude-sonnet-4-0": _FIRST_THINKING,
    "claude-sonnet-4-2025": _FIRST_THINKING,
    "claude-sonnet-4-5": _4_5,
    "claude-sonnet-4-6": replace(_4_6, max_tokens=64_000),
    "claude-haiku-4-5": _4_5,
    "claude-mythos-preview": replace(_4_7, thinking=_ALWAYS),
    "claude-opus-5": _CURRENT,
    "claude-opus-5-5": replace(_NO_FORCED_TOOLS, thinking=_ALWAYS),
    "claude-sonnet-5": _CURRENT,
    "claude-sonnet-5-5": replace(_NO_FORCED_TOOLS, thinking=_BETWEEN_TOOLS),
    "claude-fable-5": replace(_CURRENT, thinking=_ALWAYS),
    "claude-fable-5-1": replace(_NO_FORCED_TOOLS, thinking=_ALWAYS),
    "claude-fable-5-2": replace(_NO_FORCED_TOOLS, thinking=_ALWAYS),
    "claude-mythos-5": replace(_CURRENT, thinking=_ALWAYS),
    "claude-mythos-5-1": replace(_NO_FORCED_TOOLS, thinking=_ALWAYS),
    "claude-mythos-5-2": replace(_NO_FORCED_TOOLS, thinking=_ALWAYS),
}
_GENERIC = ("", "claude-")
"""Prefixes of models that are not of one family."""


def model_capabilities(model: str, models: Mapping[str, ModelCapabilities] = MODELS) -> ModelCapabilities:
    """Return the capabilities of the longest matching prefix. A cloud's prefix before `claude-` is ignored."""
    return models[_prefix(_plain(model), models)]


def is_same_family(model: str, other: str) -> bool:
    """Whether a model can use what the other signed: an alias or a dated name of the same, or a model of its generation."""
    one, two = _plain(model), _plain(other)
    prefix = _prefix(one, MODELS)
    if prefix in _GENERIC:
        return one.startswith(two) or two.startswith(one)
    return prefix == _prefix(two, MODELS)


def _plain(model: str) -> str:
    return model[max(0, model.find("claude-")) :]


def _prefix(name: str, models: Mapping[str, ModelCapabilities]) -> str:
    return max(filter(name.startswith, models), key=len)


SUPPORTED_PARAMS = frozenset({
    "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "stream",
    "stream_options", "tools", "tool_choice", "parallel_tool_calls", "user", "safety_identifier", "service_tier", "routing",
    "response_format", "reasoning", "reasoning_effort", "thinking", "functions", "function_call",
    "web_search_options", "cache_control", "top_k",
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


def finish_reason(stop_reason: str, *, has_calls: bool) -> str:
    """Return OpenAI's finish reason. Unknown reasons become `stop`, as does the call of a tool that the caller did not offer."""
    reason = FINISH_REASONS.get(stop_reason, "stop")
    return "stop" if reason == "tool_calls" and not has_calls else reason


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

REFUSALS = RefusalTable(
    model_messages=(
        (re.compile(r"`(\w+)` (?:is deprecated|is not supported|may only be set)"), None),
        (re.compile(r"`temperature` and `(top_p)` cannot both be specified for this model"), None),
        (re.compile(r"^(max_tokens): \d+ > \d+"), None),
        (re.compile(r"does not support the (\w+) parameter"), None),
        (re.compile(r"thinking is not supported on this model|^thinking\.type: "), "thinking"),
    ),
    named_member=re.compile(r"^(\w+)(?:\.[\w.]+)?: "),
    openai_names={
        "stop_sequences": "stop",
        "thinking": "reasoning_effort",
        "effort": "reasoning_effort",
        "output_config": "reasoning_effort",
        "output_format": "response_format",
    },
)
"""Its errors have neither a code nor a member: only the message tells."""
