"""Merges consecutive messages of one role, for targets whose conversations must alternate."""

from __future__ import annotations

from typing import Any

_MERGED = ("user", "assistant")
_BETWEEN_TEXTS = "\n\n"


def with_alternating_roles(messages: list[Any]) -> list[Any]:
    """Return the messages with those of the user, and those of the assistant, merged where they follow each other.

    Messages with anything but a content stay as they are, and so does the list if there is nothing to merge.
    """
    merged: list[Any] = []
    for message in messages:
        if merged and _is_mergeable(message) and _is_mergeable(merged[-1]) and merged[-1]["role"] == message["role"]:
            merged[-1] = {**merged[-1], "content": _joined(merged[-1]["content"], message["content"])}
        else:
            merged.append(message)
    return merged if len(merged) < len(messages) else messages


def _is_mergeable(message: Any) -> bool:
    if not isinstance(message, dict) or message.get("role") not in _MERGED:
        return False
    return message.keys() <= {"role", "content", "name"} and isinstance(message.get("content"), (str, list))


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, str) and isinstance(second, str):
        return _BETWEEN_TEXTS.join(filter(None, (first, second)))
    return [*_parts(first), *_parts(second)]


def _parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
