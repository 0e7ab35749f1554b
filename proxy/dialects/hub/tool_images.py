"""Moves the images of tool results into user messages, for targets that accept images from users only."""

from __future__ import annotations

from typing import Any

_TEXTS = ("text", "refusal")
IN_NEXT_MESSAGE = "The result is in the next user message."
"""Content of a tool result that is nothing but images."""


def has_tool_images(messages: Any) -> bool:
    """Whether a tool result has a part that is not text."""
    return any(_is_result(message) and any(map(_is_media, _parts(message))) for message in messages)


def with_images_after_results(messages: list[Any]) -> list[Any]:
    """Return the messages with the images of consecutive tool results in one user message behind them.

    The same list if there are none.
    """
    if not has_tool_images(messages):
        return messages
    moved: list[Any] = []
    images: list[dict[str, Any]] = []
    for message in messages:
        if images and not _is_result(message):
            moved.append({"role": "user", "content": images})
            images = []
        moved.append(_without_images(message, images))
    return [*moved, *([{"role": "user", "content": images}] if images else [])]


def _without_images(message: Any, images: list[dict[str, Any]]) -> Any:
    """Return a tool result without its images, which are added to `images`. Any other message stays as it is."""
    media = [part for part in _parts(message) if _is_media(part)] if _is_result(message) else []
    if not media:
        return message
    images += [{"type": "text", "text": f"Result of the tool call {message.get('tool_call_id')}:"}, *media]
    rest = [part for part in _parts(message) if not _is_media(part)]
    return {**message, "content": rest or IN_NEXT_MESSAGE}


def _is_result(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") == "tool"


def _parts(message: dict[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _is_media(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str) and part["type"] not in _TEXTS
