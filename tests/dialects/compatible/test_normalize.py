from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.compatible.normalize import normalize_message, normalize_usage

CHUNKS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]},
    {"type": "text", "text": "a"},
    {"type": "reference", "reference_ids": [1]},
    {"type": "text", "text": "b"},
]


@pytest.mark.parametrize("message, expected", [
    ({"role": "assistant", "content": None}, {"role": "assistant"}),
    ({"content": "a", "reasoning": "r", "tool_calls": []}, {"content": "a", "reasoning_content": "r"}),
    ({"content": "a", "reasoning": "r", "reasoning_content": "q"}, {"content": "a", "reasoning_content": "q"}),
    ({"content": CHUNKS}, {"content": "ab", "reasoning_content": "hm"}),
    ({"content": [{"type": "thinking", "thinking": "hm"}]}, {"content": "", "reasoning_content": "hm"}),
    ({"content": "", "refusal": "no", "audio": None}, {"content": "", "refusal": "no"}),
])  # fmt: skip
def test_members_get_openais_names(message: dict[str, Any], expected: dict[str, Any]) -> None:
    assert normalize_message(message) == expected


@pytest.mark.parametrize("counts, total", [
    (None, None), ({}, None), ("3", None),
    ({"prompt_tokens": 2, "completion_tokens": 3}, 5), ({"prompt_tokens": 2, "total_tokens": 2}, 2),
])  # fmt: skip
def test_usage_has_a_total_or_is_missing(counts: Any, total: int | None) -> None:
    found = normalize_usage(counts)
    assert (found and found["total_tokens"]) == total
    assert found is None or isinstance(found["completion_tokens"], int)
