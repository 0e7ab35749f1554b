"""Puts usage under OpenAI's names and merges that of several events of one answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import count_of, object_of

_NOT_COUNTS = frozenset({"prompt_audio_seconds", "service_tier"})
_CACHED_TOKENS = ("prompt_cache_hit_tokens", "cached_tokens")
"""Where DeepSeek and Moonshot send the number of cached tokens."""


def merge_usage(earlier: Mapping[str, Any] | None, later: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return both: counts are cumulative, so the later one counts, but 0 or null means that it was not repeated."""
    if not earlier or not later:
        return dict(later or earlier or {}) or None
    return {**earlier, **{name: _later(earlier.get(name), value) for name, value in later.items()}}


def _later(earlier: Any, later: Any) -> Any:
    if isinstance(earlier, Mapping) and isinstance(later, Mapping):
        return merge_usage(earlier, later) or {}
    return later if later or earlier is None else earlier


def normalize_usage(counts: Any) -> dict[str, Any] | None:
    """Return usage with prompt, completion and total tokens, without members that are not counts. None if there is none."""
    if not isinstance(counts, dict) or not counts:
        return None
    prompt, completion = (count_of(counts.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    total, reasoning = count_of(counts.get("total_tokens")), _reasoning_tokens(counts)
    if total == prompt + completion + reasoning or reasoning > completion:  # xAI counts reasoning apart
        completion += reasoning
    totals = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": max(total, prompt + completion)}
    kept = {name: count for name, count in counts.items() if count is not None and name not in _NOT_COUNTS}
    return {**kept, **_prompt_details(counts), **totals}


def _reasoning_tokens(counts: Mapping[str, Any]) -> int:
    return count_of(object_of(counts.get("completion_tokens_details")).get("reasoning_tokens"))


def _prompt_details(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return `prompt_tokens_details` with the cached tokens, which some hosts send beside it."""
    details = object_of(counts.get("prompt_tokens_details"))
    cached = next(filter(None, (count_of(holder.get(name)) for holder, name in _cached_places(details, counts))), 0)
    return {"prompt_tokens_details": {**details, "cached_tokens": cached}} if cached else {}


def _cached_places(details: Mapping[str, Any], counts: Mapping[str, Any]) -> Iterable[tuple[Mapping[str, Any], str]]:
    return [(details, "cached_tokens"), *((counts, name) for name in _CACHED_TOKENS)]


def normalized_change(counts: Any) -> dict[str, Any] | None:
    """Return usage as `normalize_usage` does if its counts are not where, or what, OpenAI has them, else None."""
    if not isinstance(counts, dict):
        return None
    prompt, completion = counts.get("prompt_tokens") or 0, counts.get("completion_tokens") or 0
    details = counts.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") or 0 if isinstance(details, dict) else 0
    has_other_members = "cached_tokens" in counts or "prompt_cache_hit_tokens" in counts
    if has_other_members or {*map(type, (prompt, completion, reasoning))} != {int}:
        return normalize_usage(counts)
    if counts.get("total_tokens", prompt + completion) == prompt + completion and reasoning <= completion:
        return None
    return normalize_usage(counts)
