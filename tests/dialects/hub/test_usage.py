from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.usage import merge_usage

COUNTS = {"prompt_tokens": 5, "completion_tokens": 2, "details": {"cached_tokens": 3}}


@pytest.mark.parametrize("later, merged", [
    (None, COUNTS), ({}, COUNTS), ({"prompt_tokens": 0, "completion_tokens": None, "details": {}}, COUNTS),
    ({"completion_tokens": 9, "details": {"cached_tokens": 0, "audio_tokens": 0}},
     {"prompt_tokens": 5, "completion_tokens": 9, "details": {"cached_tokens": 3, "audio_tokens": 0}}),
    ({"details": None, "more": {"a": 1}}, {**COUNTS, "more": {"a": 1}}),
])  # fmt: skip
def test_a_later_zero_does_not_replace_a_count(later: Any, merged: Any) -> None:
    assert merge_usage(COUNTS, later) == merged


def test_the_first_usage_is_taken_as_it_is() -> None:
    assert merge_usage(None, {"prompt_tokens": 0}) == {"prompt_tokens": 0}
    assert merge_usage(None, None) is None
