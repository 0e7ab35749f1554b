"""Translates the hub's token counts and finish reasons into Gemini's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import count_of, object_of, text_of

_FINISH_REASONS: Mapping[str, str] = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}


def finish_reason(reason: Any, *, is_refusal: bool = False) -> str:
    """Return why the answer ends: `STOP` where nothing else is known. A refusal counts as filtered."""
    return _FINISH_REASONS.get(text_of(reason), "SAFETY" if is_refusal else "STOP")


def usage_metadata(usage: Any, prompt_tokens: int) -> dict[str, int]:
    """Return the counts. Thoughts are no part of `candidatesTokenCount`. `prompt_tokens` is the estimate without usage."""
    counts = object_of(usage) or {"prompt_tokens": prompt_tokens}
    prompt, completion = count_of(counts.get("prompt_tokens")), count_of(counts.get("completion_tokens"))
    cached = count_of(object_of(counts.get("prompt_tokens_details")).get("cached_tokens"))
    thoughts = count_of(object_of(counts.get("completion_tokens_details")).get("reasoning_tokens"))
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": max(0, completion - thoughts),
        "totalTokenCount": prompt + completion,
        **({"cachedContentTokenCount": cached} if cached else {}),
        **({"thoughtsTokenCount": thoughts} if thoughts else {}),
    }
