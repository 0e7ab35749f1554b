"""Translates the hub's token counts and finish reasons into Anthropic's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import count_of, object_of, text_of

_STOP_REASONS: Mapping[str, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def stop_reason(finish_reason: Any, *, has_calls: bool = False, is_refusal: bool = False) -> str:
    """Return why the answer ends. A reason that is not known is `end_turn`."""
    reason = _STOP_REASONS.get(text_of(finish_reason), "end_turn")
    if reason != "end_turn":
        return reason
    return "tool_use" if has_calls else "refusal" if is_refusal else reason


def input_counts(prompt_tokens: int) -> dict[str, Any]:
    """Return the counts before the answer, of a prompt of which nothing is known to be cached."""
    return _counts(prompt_tokens, 0, 0) | {"output_tokens": 0}


def to_counts(usage: Any, prompt_tokens: int) -> dict[str, Any]:
    """Return the counts of a complete answer. What comes from or goes to a cache is no part of `input_tokens`.

    `prompt_tokens` is the estimate for an answer without usage.
    """
    counts = object_of(usage) or {"prompt_tokens": prompt_tokens}
    details = object_of(counts.get("prompt_tokens_details"))
    cached, written = count_of(details.get("cached_tokens")), count_of(details.get("cache_write_tokens"))
    prompt = max(0, count_of(counts.get("prompt_tokens")) - cached - written)
    thinking = count_of(object_of(counts.get("completion_tokens_details")).get("reasoning_tokens"))
    return {
        **_counts(prompt, cached, written),
        "output_tokens": count_of(counts.get("completion_tokens")),
        **({"output_tokens_details": {"thinking_tokens": thinking}} if thinking else {}),
    }


def _counts(prompt: int, cached: int, written: int) -> dict[str, Any]:
    return {"input_tokens": prompt, "cache_creation_input_tokens": written, "cache_read_input_tokens": cached}
