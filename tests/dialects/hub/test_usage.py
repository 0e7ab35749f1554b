"""Usage has OpenAI's names and loses nothing, however a host counts and sends it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.usage import merge_usage, normalize_usage, normalized_change

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


@pytest.mark.parametrize("counts, changes", [
    ({"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}, "x": None}, False),
    ({"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}, True),
    ({"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5, "prompt_cache_hit_tokens": 1}, True), (None, False),
])  # fmt: skip
def test_usage_that_is_openais_is_not_changed(counts: Any, changes: bool) -> None:
    assert (normalized_change(counts) is not None) is changes
