from __future__ import annotations

import pytest

from proxy.dialects.compatible.tables import CONTEXT_LENGTH_PATTERN, FAILED_FINISH_REASONS, FINISH_REASONS


@pytest.mark.parametrize("message, expected", [
    ("This model's maximum context length is 8192 tokens. However, you requested 9000", True),
    ("Please reduce the length of the messages or completion. context_length_exceeded", True),
    ("the request exceeds the available context size", True),
    ("Prompt contains 9 tokens, too large for model with 8 maximum context length", True),
    ("too many tokens: total number of tokens in the prompt cannot exceed 4081", True),
    ("max_tokens must be at least 1", False),
    ("Invalid value for temperature", False),
])  # fmt: skip
def test_context_length_errors_are_recognised_by_their_message(message: str, expected: bool) -> None:
    assert bool(CONTEXT_LENGTH_PATTERN.search(message)) is expected


def test_finish_reasons_are_openais_and_none_is_a_failure() -> None:
    assert set(FINISH_REASONS.values()) == {"stop", "length", "tool_calls", "content_filter", "function_call"}
    assert not FAILED_FINISH_REASONS & FINISH_REASONS.keys()
