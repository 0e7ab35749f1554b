"""Puts the members of a message, a delta or a usage object of an OpenAI-compatible host under OpenAI's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import content_of, count_of, objects_of, text_of

_NOT_COUNTS = frozenset({"prompt_audio_seconds", "service_tier"})
_REWRITTEN = ("content", "reasoning", "reasoning_content", "tool_calls", "prefix")


def normalize_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return content as text and reasoning as `reasoning_content`. Null members and tool calls are left out."""
    text, thinking = _text_and_thinking(message.get("content"))
    reasoning = text_of(message.get("reasoning_content")) or text_of(message.get("reasoning")) or thinking
    kept = {key: value for key, value in message.items() if value is not None and key not in _REWRITTEN}
    texts = {"content": text, "reasoning_content": reasoning or None}
    return kept | {key: value for key, value in texts.items() if value is not None}


def normalize_usage(counts: Any) -> dict[str, Any] | None:
    """Return usage with prompt, completion and total tokens, without members that are not counts. None if there is none."""
    if not isinstance(counts, dict) or not counts:
        return None
    prompt, completion = (count_of(counts.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    total = count_of(counts.get("total_tokens")) or prompt + completion
    counts = {name: count for name, count in counts.items() if count is not None and name not in _NOT_COUNTS}
    return {**counts, "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def _text_and_thinking(content: Any) -> tuple[str | None, str]:
    """Split a content, which may be a list of typed chunks (Mistral), into text and thinking."""
    if not isinstance(content, list):
        return (None if content is None else content_of(content)), ""
    chunks = objects_of(content)
    text = "".join(content_of(chunk.get("text")) for chunk in chunks if chunk.get("type") == "text")
    return text, "".join(_thinking_text(chunk) for chunk in chunks if chunk.get("type") == "thinking")


def _thinking_text(chunk: Mapping[str, Any]) -> str:
    thinking = chunk.get("thinking")
    return thinking if isinstance(thinking, str) else _text_and_thinking(thinking)[0] or ""
