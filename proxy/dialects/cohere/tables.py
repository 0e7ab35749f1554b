"""Constants of Cohere's v2 chat API. Data only."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proxy.dialects.hub.params import NumericParam, ParamTable
from proxy.dialects.hub.reasoning import REASONING_PARAMS
from proxy.dialects.names import NameRule
from proxy.dialects.refusals import RefusalTable
from proxy.headers import RateLimitHeaders

PATHS = {"chat": "/v2/chat"}

RATE_LIMIT_HEADERS = (RateLimitHeaders("requests", "x-trial-endpoint-call-limit", "x-trial-endpoint-call-remaining"),)
"""Sent for trial keys only: calls per minute."""

TOOL_NAME = NameRule("A-Za-z0-9_", limit=64, first="A-Za-z_")

PARAMS = ParamTable(
    numbers={
        "temperature": NumericParam("temperature", 0, 1),
        "top_p": NumericParam("p", 0.01, 0.99),
        "top_k": NumericParam("k", 0, 500),
        "presence_penalty": NumericParam("presence_penalty", 0, 1, drop_below=True),
        "frequency_penalty": NumericParam("frequency_penalty", 0, 1, drop_below=True),
        "seed": NumericParam("seed", 0, 2**64 - 1, drop_below=True),
    },
    copied={},
    translated=frozenset({"response_format", "stop"}) | REASONING_PARAMS,
)

REASONING_MODELS = re.compile(r"reasoning")
"""Models that reason."""

MOST_TOKENS: Mapping[str, int] = {
    "command-a-": 8_192,
    "command-a-reasoning": 32_768,
    "command-r-08-2024": 4_096,
    "command-r-plus-08-2024": 4_096,
    "command-r7b": 4_096,
}
"""Prefix of a model's name -> its maximum of output tokens."""

MAX_STOP_SEQUENCES = 5

TOOL_CHOICE_MODES: Mapping[str, str | None] = {"auto": None, "none": "NONE", "required": "REQUIRED"}
"""OpenAI's `tool_choice` -> Cohere's. None, its default, leaves the choice to the model."""

FINISH_REASONS: Mapping[str, str] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}
"""Cohere's finish reason -> OpenAI's. Any other becomes `stop`."""

FAILED_FINISH_REASONS: Mapping[str, int] = {"ERROR": 500, "TIMEOUT": 504}
"""Finish reasons of failed generations -> the equivalent HTTP status."""

REFUSALS = RefusalTable(
    model_messages=(
        (re.compile(r"(\w+) (?:is|are) not supported (?:by|with|for) (?:the specified|this) model"), None),
        (re.compile(r"max[_ ]tokens must be (?:less|at most)"), "max_tokens"),
    ),
    named_member=re.compile(r"invalid request: (\w+) (?:must|cannot|is)\b"),
    openai_names={"p": "top_p", "k": "top_k", "stop_sequences": "stop", "thinking": "reasoning_effort"},
)
"""Its errors are a message alone."""
