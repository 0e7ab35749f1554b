"""What Cohere's v2 chat takes and says: data, to be changed as the API changes."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.dialects.hub.params import NumericParam, ParamTable
from proxy.dialects.names import NameRule

PATHS = {"chat": "/v2/chat"}

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
    translated=frozenset({"stop"}),
)

MAX_STOP_SEQUENCES = 5

TOOL_CHOICE_MODES: Mapping[str, str | None] = {"auto": None, "none": "NONE", "required": "REQUIRED"}
"""OpenAI's `tool_choice` -> Cohere's, which has no word for leaving the choice to the model."""

FINISH_REASONS: Mapping[str, str] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}
"""Cohere's finish reasons -> OpenAI's; any other counts as `stop`."""

FAILED_FINISH_REASONS: Mapping[str, int] = {"ERROR": 500, "TIMEOUT": 504}
"""Finish reasons of answers that went wrong, and the status each would have had."""
