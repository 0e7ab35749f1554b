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
    ({"content": ["a", {"text": "b"}, {"type": "output_text", "text": "c"}, 5]}, {"content": "abc"}),
    ({"content": {"type": "text", "text": "a"}}, {"content": "a"}),
    ({"content": [{"type": "reasoning", "text": "hm"}, {"type": [], "text": "a"}]},
     {"content": "a", "reasoning_content": "hm"}),
    ({"content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
     {"content": "", "images": [{"type": "image_url", "image_url": {"url": "data:,"}}]}),
    ({"content": "a", "thinking": "hm"}, {"content": "a", "reasoning_content": "hm"}),
    ({"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "h", "signature": "s"},
                                               {"type": "reasoning.summary", "summary": "m"},
                                               {"type": "reasoning.encrypted", "data": "x"}]},
     {"reasoning_content": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "h", "signature": "s"},
                                                       {"type": "reasoning.summary", "summary": "m"},
                                                       {"type": "reasoning.encrypted", "data": "x"}]}),
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


@pytest.mark.parametrize("total", [510, 110, None])
def test_reasoning_that_is_counted_apart_is_part_of_the_completion(total: int | None) -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": total}
    found = normalize_usage({**counts, "completion_tokens_details": {"reasoning_tokens": 400}})
    assert found and (found["completion_tokens"], found["total_tokens"]) == (410, 510)
    assert found == normalize_usage(found)


def test_reasoning_that_is_part_of_the_completion_is_not_added() -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 410, "total_tokens": 510}
    found = normalize_usage({**counts, "completion_tokens_details": {"reasoning_tokens": 400}})
    assert found and (found["completion_tokens"], found["total_tokens"]) == (410, 510)


@pytest.mark.parametrize("members", [
    {"prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4}, {"cached_tokens": 6},
    {"cached_tokens": 6, "prompt_tokens_details": {"cached_tokens": 0}}, {"prompt_tokens_details": {"cached_tokens": 6}},
])  # fmt: skip
def test_cached_tokens_are_in_the_details_of_the_prompt(members: dict[str, Any]) -> None:
    found = normalize_usage({"prompt_tokens": 10, "completion_tokens": 1, **members})
    assert found and found["prompt_tokens_details"] == {"cached_tokens": 6}
