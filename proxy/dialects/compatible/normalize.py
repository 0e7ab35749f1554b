"""Puts the members of a message or a delta of an OpenAI-compatible host under OpenAI's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import content_of, objects_of, text_of

_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_text")
"""Where hosts send reasoning, the usual place first."""
_REWRITTEN = frozenset({"content", "tool_calls", "prefix", *_REASONING})
_DETAIL_TEXTS = {"reasoning.text": "text", "reasoning.summary": "summary"}
_TEXT_PARTS = {"text": "text", "output_text": "text", "refusal": "refusal"}
_THINKING_PARTS = {"thinking": "thinking", "reasoning": "reasoning"}
_IMAGE_PARTS = frozenset({"image_url"})


def normalize_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return content as text and reasoning as `reasoning_content`. Null members and tool calls are left out."""
    text, thinking = _text_and_thinking(message.get("content"))
    reasoning = _reasoning(message) or thinking
    kept = {key: value for key, value in message.items() if value is not None and key not in _REWRITTEN}
    images = [part for part in objects_of(message.get("content")) if text_of(part.get("type")) in _IMAGE_PARTS]
    texts = {"content": text, "reasoning_content": reasoning or None, "images": images or None}
    return kept | {key: value for key, value in texts.items() if value is not None}


def _reasoning(message: Mapping[str, Any]) -> str:
    """Return the first reasoning that is a text, else that of `reasoning_details`, which itself stays, for the next turn."""
    texts = (text_of(message.get(name)) for name in _REASONING)
    details = objects_of(message.get("reasoning_details"))
    joined = "".join(text_of(each.get(_DETAIL_TEXTS.get(text_of(each.get("type")), ""))) for each in details)
    return next(filter(None, texts), joined)


def _text_and_thinking(content: Any) -> tuple[str | None, str]:
    """Split a content, which may be a list of typed chunks (Mistral), into text and thinking."""
    if isinstance(content, dict):
        content = [content] if "type" in content or "text" in content else content_of(content)
    if not isinstance(content, list):
        return (None if content is None else content_of(content)), ""
    return "".join(map(_part_text, content)), "".join(_thinking_text(part) for part in objects_of(content))


def _part_text(part: Any) -> str:
    """Return the text of a part of a content: a text itself, or an object with a type or without one."""
    if not isinstance(part, dict):
        return text_of(part)
    return content_of(part.get(_TEXT_PARTS.get(text_of(part.get("type")) or "text", "")))


def _thinking_text(chunk: Mapping[str, Any]) -> str:
    name = _THINKING_PARTS.get(text_of(chunk.get("type")))
    thinking = (chunk.get(name) or chunk.get("text")) if name else None
    return thinking if isinstance(thinking, str) else _text_and_thinking(thinking)[0] or ""
