"""Token counts and stop reasons in Anthropic's words."""

from __future__ import annotations

import pytest

from proxy.ingress.anthropic_messages.usage import stop_reason, to_counts


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("unheard-of", "end_turn"),
        (None, "end_turn"),
    ],
)
def test_a_stop_reason(reason: str | None, expected: str) -> None:
    assert stop_reason(reason) == expected


def test_what_the_answer_contains_decides_where_the_reason_does_not() -> None:
    assert stop_reason("stop", has_calls=True, is_refusal=True) == "tool_use"
    assert stop_reason("stop", is_refusal=True) == "refusal"
    assert stop_reason("length", has_calls=True) == "max_tokens"


def test_cached_tokens_are_counted_apart() -> None:
    usage = {"prompt_tokens": 1105, "completion_tokens": 7}
    usage |= {"prompt_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 100}}
    assert to_counts(usage, 9) == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "output_tokens": 7,
    }


def test_without_usage_the_prompt_is_estimated() -> None:
    assert to_counts(None, 9)["input_tokens"] == 9
    assert to_counts({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}}, 9)["input_tokens"] == 0
