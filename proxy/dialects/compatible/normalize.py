"""What a message or a delta says, under OpenAI's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import content_of, count_of, objects_of, text_of

_NO_COUNTS = frozenset({"prompt_audio_seconds", "service_tier"})
_MOVED = ("content", "reasoning", "reasoning_content", "tool_calls", "prefix")


def normalize_message(said: Mapping[str, Any]) -> dict[str, Any]:
    """Content as text and thoughts as `reasoning_content`; members that are null and tool calls are left out."""
    text, thought = _pieces(said.get("content"))
    reasoning = text_of(said.get("reasoning_content")) or text_of(said.get("reasoning")) or thought
    kept = {key: value for key, value in said.items() if value is not None and key not in _MOVED}
    found = {"content": text, "reasoning_content": reasoning or None}
    return kept | {key: value for key, value in found.items() if value is not None}


def normalize_usage(counts: Any) -> dict[str, Any] | None:
    """Counts with all three totals, without what is null or no count; None for none."""
    if not isinstance(counts, dict) or not counts:
        return None
    prompt, completion = (count_of(counts.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    total = count_of(counts.get("total_tokens")) or prompt + completion
    counts = {name: count for name, count in counts.items() if count is not None and name not in _NO_COUNTS}
    return {**counts, "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def _pieces(content: Any) -> tuple[str | None, str]:
    """Text and thoughts of a content, which may be a list of chunks (Mistral)."""
    if not isinstance(content, list):
        return (None if content is None else content_of(content)), ""
    chunks = objects_of(content)
    text = "".join(content_of(chunk.get("text")) for chunk in chunks if chunk.get("type") == "text")
    return text, "".join(_thought(chunk) for chunk in chunks if chunk.get("type") == "thinking")


def _thought(chunk: Mapping[str, Any]) -> str:
    thinking = chunk.get("thinking")
    return thinking if isinstance(thinking, str) else _pieces(thinking)[0] or ""
