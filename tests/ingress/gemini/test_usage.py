"""Counts add up as Google's do, and words are Google's."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.response import to_openai_usage
from proxy.dialects.google.tables import FINISH_REASONS
from proxy.ingress.gemini.usage import finish_reason, usage_metadata


@pytest.mark.parametrize(
    ("reason", "is_refusal", "expected"),
    [
        ("stop", False, "STOP"),
        ("tool_calls", False, "STOP"),
        ("length", False, "MAX_TOKENS"),
        ("content_filter", False, "SAFETY"),
        ("stop", True, "SAFETY"),
        ("length", True, "MAX_TOKENS"),
        ("new", False, "STOP"),
        (None, False, "STOP"),
        (5, False, "STOP"),
    ],
)
def test_finish_reasons(reason: Any, is_refusal: bool, expected: str) -> None:
    assert finish_reason(reason, is_refusal=is_refusal) == expected and expected in FINISH_REASONS


def test_thoughts_and_answer_are_counted_apart() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    found = usage_metadata(usage, 0)
    assert (found["candidatesTokenCount"], found["thoughtsTokenCount"], found["cachedContentTokenCount"]) == (4, 5, 4)
    assert found["totalTokenCount"] == 19
    assert to_openai_usage(found).items() >= {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19}.items()


@pytest.mark.parametrize("usage", [None, {}, "text", []])
def test_without_usage_the_prompt_is_estimated(usage: Any) -> None:
    assert usage_metadata(usage, 7) == {"promptTokenCount": 7, "candidatesTokenCount": 0, "totalTokenCount": 7}
