"""What Cohere's v2 chat takes and says: data, to be changed as the API changes."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.dialects.names import Rule
from proxy.dialects.params import Number, Params

PATHS = {"chat": "/v2/chat"}

TOOL_NAME = Rule("A-Za-z0-9_", limit=64, first="A-Za-z_")

PARAMS = Params(
    numbers={
        "temperature": Number("temperature", 0, 1),
        "top_p": Number("p", 0.01, 0.99),
        "top_k": Number("k", 0, 500),
        "presence_penalty": Number("presence_penalty", 0, 1, loses_below=True),
        "frequency_penalty": Number("frequency_penalty", 0, 1, loses_below=True),
        "seed": Number("seed", 0, 2**64 - 1, loses_below=True),
    },
    kept={},
    translated=frozenset({"stop"}),
)

MAX_STOPS = 5

MODES: Mapping[str, str | None] = {"auto": None, "none": "NONE", "required": "REQUIRED"}
"""OpenAI's `tool_choice` -> Cohere's, which has no word for leaving the choice to the model."""

FINISH: Mapping[str, str] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}
"""Cohere's finish reasons -> OpenAI's; any other counts as `stop`."""

BROKEN: Mapping[str, int] = {"ERROR": 500, "TIMEOUT": 504}
"""Finish reasons of answers that went wrong, and the status each would have had."""
