"""Thinking with its signature, as `thinking_blocks`: Anthropic wants it back, unchanged, with the results of tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.anthropic.tables import is_same_family
from proxy.dialects.coerce import objects_of, text_of

_MAX_CHARS = 1 << 22
"""Thinking of a stream over this limit is not sent a second time."""
_PROOFS = {"thinking": "signature", "redacted_thinking": "data"}
"""Type of a block -> the member without which it is of no use in the next turn."""


def thinking_blocks(blocks: Iterable[Mapping[str, Any]], model: str) -> list[dict[str, Any]] | None:
    """Return the blocks of a message that can be sent back, with the model that signed them, or None if it has none."""
    return [{**block, "model": model} for block in blocks if _is_signed(block)] or None


def replayed_blocks(message: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Return the blocks in a message of the history as the model accepts them: unchanged, and only those of its family."""
    return [
        {name: block[name] for name in ("type", "thinking", "signature", "data") if isinstance(block.get(name), str)}
        for block in objects_of(message.get("thinking_blocks"))
        if _is_signed(block) and is_same_family(model, text_of(block.get("model")) or model)
    ]


def has_open_call_without_thinking(messages: list[Any], model: str) -> bool:
    """Whether the conversation ends with tool results for a call whose thinking was lost: thinking cannot go on then."""
    for message in reversed(messages):
        if not isinstance(message, dict) or message.get("role") != "tool":
            is_call = isinstance(message, dict) and bool(message.get("tool_calls"))
            return message is not messages[-1] and is_call and not replayed_blocks(message, model)
    return False


def _is_signed(block: Mapping[str, Any]) -> bool:
    return bool(text_of(block.get(_PROOFS.get(text_of(block.get("type")), ""))))


class StreamedThinking:
    """Puts the thinking blocks of a stream together."""

    def __init__(self) -> None:
        self._pieces: dict[Any, dict[str, list[str]]] = {}
        """Index of a content block -> member -> its text in pieces."""
        self._types: dict[Any, str] = {}
        self._size = self._count = 0

    def open(self, index: Any, block: Mapping[str, Any]) -> None:
        """Take the start of a block."""
        kind = text_of(block.get("type"))
        if kind in _PROOFS:
            self._types[index], self._pieces[index] = kind, {}
            self.add(index, block)

    def add(self, index: Any, delta: Mapping[str, Any]) -> None:
        """Take a piece of thinking or of a signature."""
        members = self._pieces.get(index)
        if members is None:
            return
        for name in ("thinking", "signature", "data"):
            if piece := text_of(delta.get(name)):
                self._size += len(piece)
                members.setdefault(name, []).append(piece)
        if self._size > _MAX_CHARS:
            self._pieces.clear()

    def close(self, index: Any, model: str) -> dict[str, Any] | None:
        """Return the whole block, numbered as clients merge lists by index, or None if it cannot be sent back.

        `model` is the one that signed it.
        """
        members = self._pieces.pop(index, None)
        if members is None:
            return None
        kind = self._types[index]
        empty = {"thinking": ""} if kind == "thinking" else {}
        block = {"type": kind, **empty, **{name: "".join(pieces) for name, pieces in members.items()}}
        if not _is_signed(block):
            return None
        self._count += 1
        return {"index": self._count - 1, **block, "model": model}
